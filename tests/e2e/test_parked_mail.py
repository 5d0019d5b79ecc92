"""`argosy mail`: a mail that could not be sent is listed, and sent by an operator's command."""

from __future__ import annotations

import json

from tests.support.argosy import argosy
from tests.support.parked import park_messages_of
from tests.support.real_stack import RealStack
from tests.support.shop import Shop, until

WELCOME = "Welcome! Please verify your email address"


async def test_a_parked_mail_is_sent_by_an_operators_command(stack: RealStack, shop: Shop) -> None:
    person = await shop.register()
    environment = stack.stack.environment

    async def welcomes() -> int:
        return [mail["subject"] for mail in await shop.mails_to(person.email)].count(WELCOME)

    await until(welcomes, lambda count: count == 1, "the welcome")
    (parked,) = await park_messages_of(stack, person.id)
    assert [each["status"] for each in (await person.get("/notifications"))["notifications"]] == ["parked"]

    listed = await argosy("mail", "list", "--json", environment=environment)
    (row,) = [row for row in listed.rows if row["message"] == str(parked)]
    assert (row["type"], row["userId"], row["attempts"]) == ("welcome", person.id, 10)
    assert person.email not in listed.out
    unclear = await argosy("mail", "retry", environment=environment)
    assert (unclear.code, unclear.err) == (1, "argosy: choose the mails: by id, or --all\n")

    retried = await argosy("mail", "retry", str(parked), environment=environment)
    assert (retried.code, retried.out) == (0, "1 mail is scheduled again.\n")
    assert json.loads(retried.err.splitlines()[-1])["message_id"] == str(parked)
    await until(welcomes, lambda count: count == 2, "the mail")

    async def status() -> list[str]:
        return [each["status"] for each in (await person.get("/notifications"))["notifications"]]

    await until(status, lambda found: found == ["sent"], "it is sent")
    again = await argosy("mail", "retry", str(parked), environment=environment)
    assert (again.code, again.out) == (1, "0 mails are scheduled again.\n")
    assert await welcomes() == 2
