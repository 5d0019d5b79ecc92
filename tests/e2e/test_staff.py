"""`argosy staff`, and what comes of it at the edge."""

from __future__ import annotations

import json

from tests.support.argosy import Answered, argosy
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop, answered, refusal, until


async def staff(stack: RealStack, *arguments: str) -> Answered:
    return await argosy("staff", *arguments, environment=stack.stack.environment)


async def sees(person: Customer, other: Customer) -> bool:
    """Whether somebody may read another person's account, as the staff may."""
    answer = await person.call("GET", f"/users/{other.id}")
    if answer.is_error:
        assert refusal(answer).status == 404
    return not answer.is_error


async def test_staff_is_made_and_unmade_and_rights_end_within_seconds(stack: RealStack, shop: Shop) -> None:
    person, other = await shop.register(), await shop.register()
    (row,) = (await staff(stack, "grant", person.email.upper(), "--json")).rows
    assert (row["userId"], row["staff"], row["changed"], row["sessionsEnded"]) == (person.id, True, True, 0)
    assert not await sees(person, other)  # the token is from before
    colleague = await person.sign_in()
    assert await sees(colleague, other)
    again = await staff(stack, "grant", person.email)
    assert (again.code, again.out) == (0, f"{person.email} was staff already.\n")

    revoked = await staff(stack, "revoke", person.email)
    assert (revoked.code, revoked.out) == (0, f"{person.email} is no longer staff; signed out of 2 sessions.\n")
    audit = json.loads(revoked.err.splitlines()[-1])
    assert (audit["event"], audit["user_id"], audit["sessions_ended"]) == ("staff_revoked", person.id, 2)
    assert person.email not in revoked.err
    for path in ("/users/me", "/orders", "/notifications"):

        async def status(path: str = path) -> int:
            return (await colleague.call("GET", path)).status_code

        await until(status, lambda code: code == 401, f"{path} refuses the token")
    assert not await sees(await person.sign_in(), other)


async def test_an_unknown_address_is_told_and_changes_nothing(stack: RealStack, shop: Shop) -> None:
    person = await shop.register()
    for command in ("grant", "revoke"):
        answer = await staff(stack, command, f"x{person.email}", "--json")
        assert (answer.code, answer.out) == (1, "")
        assert answer.err == f"argosy: there is no account with the address x{person.email}\n"
    answered(await person.call("GET", "/users/me"), 200)
