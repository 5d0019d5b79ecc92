"""`argosy staff`, and what comes of it at the edge."""

from __future__ import annotations

import json

from tests.support.argosy import Answered, argosy
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop, answered, refusal, until


async def command(stack: RealStack, *arguments: str) -> Answered:
    return await argosy("staff", *arguments, environment=stack.stack.environment)


async def sees(person: Customer, other: Customer) -> bool:
    """Whether somebody may read another person's account, as the staff may."""
    answer = await person.call("GET", f"/users/{other.id}")
    if answer.is_error:
        assert refusal(answer).status == 404
    return not answer.is_error


async def test_staff_is_made_and_unmade_and_rights_end_within_seconds(stack: RealStack, shop: Shop) -> None:
    person, other = await shop.register(), await shop.register()
    (row,) = (await command(stack, "grant", person.email.upper(), "--json")).rows
    assert (row["userId"], row["staff"], row["changed"], row["sessionsEnded"]) == (person.id, True, True, 0)
    assert not await sees(person, other)  # the token is from before
    colleague = await person.sign_in()
    assert await sees(colleague, other)
    again = await command(stack, "grant", person.email)
    assert (again.code, again.out) == (0, f"{person.email} is already staff.\n")

    revoked = await command(stack, "revoke", person.email)
    assert (revoked.code, revoked.out) == (0, f"{person.email} is no longer staff; signed out of 2 sessions.\n")
    audit = json.loads(revoked.err.splitlines()[-1])
    assert (audit["event"], audit["user_id"], audit["sessions_ended"]) == ("staff_revoked", person.id, 2)
    assert person.email not in revoked.err
    for path in ("/users/me", "/orders", "/notifications"):

        async def status(path: str = path) -> int:
            return (await colleague.call("GET", path)).status_code

        await until(status, lambda code: code == 401, f"{path} refuses the token")
    assert not await sees(await person.sign_in(), other)


async def test_an_unknown_address_is_reported_and_changes_nothing(stack: RealStack, shop: Shop) -> None:
    person = await shop.register()
    for name in ("grant", "revoke"):
        answer = await command(stack, name, f"x{person.email}", "--json")
        assert (answer.code, answer.out) == (1, "")
        assert answer.err == f"argosy: there is no account with the address x{person.email}\n"
    answered(await person.call("GET", "/users/me"), 200)


async def test_staff_suspends_somebody_and_lets_them_back(shop: Shop, staff: Customer) -> None:
    person = await shop.register()
    order = await person.order()
    suspended = answered(await staff.call("POST", f"/users/{person.id}:suspend", {}), 200)
    assert suspended["accountStatus"] == "suspended"
    for path in ("/users/me", f"/orders/{order['id']}", "/notifications"):

        async def status(path: str = path) -> int:
            return (await person.call("GET", path)).status_code

        await until(status, lambda code: code == 401, f"{path} refuses the token")
    body = {"email": person.email, "password": person.password}
    right = refusal(await shop.call("POST", "/users/login", body))
    assert (right.status, right.reason) == (403, "ACCOUNT_SUSPENDED")
    wrong = refusal(await shop.call("POST", "/users/login", {**body, "password": "wrong horse"}))
    assert (wrong.status, wrong.reason) == (401, "SIGN_IN_REFUSED")
    own = refusal(await staff.call("POST", f"/users/{staff.id}:suspend", {}))
    assert (own.status, own.reason) == (400, "OWN_ACCOUNT")
    answered(await staff.call("POST", f"/users/{person.id}:reinstate", {}), 200)
    assert (await (await person.sign_in()).get(f"/orders/{order['id']}"))["id"] == order["id"]
    denied = refusal(await person.call("POST", f"/users/{person.id}:suspend", {}))
    assert denied.status == 401  # that session ended with the suspension
    customer = await person.sign_in()
    assert refusal(await customer.call("POST", f"/users/{person.id}:suspend", {})).status == 403
    answered(await customer.call("GET", "/users/me"), 200)
