"""Registering on a real PostgreSQL: one account an address, whatever happens at once."""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest

from argosy.event.v1.user_events_pb2 import UserCreated
from services.chassis.data import idempotency, outbox
from services.chassis.plain.errors import IdempotencyMismatch
from services.user.adapters.accounts import PostgresAccounts
from services.user.adapters.sessions import PostgresSessions
from services.user.domain.accounts import EmailTaken
from services.user.domain.people import InvalidPerson
from tests.integration.user.support import PASSWORD, Accounts, outcomes

ADA = "Ada@example.com"
NOTHING = {"users": 0, "user_profiles": 0, "user_sessions": 0, "mail_requests": 0, "outbox": 0, "idempotency_keys": 0}
ONE_ACCOUNT = {**dict.fromkeys(NOTHING, 1), "idempotency_keys": 0}
ONE_ACCOUNT_BY_KEY = {**ONE_ACCOUNT, "idempotency_keys": 1}


async def test_makes_an_account_a_profile_a_session_and_an_event(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA, first_name=" Ada ")
    assert await accounts.counts() == ONE_ACCOUNT
    user = await accounts.row("users")
    assert (str(user["id"]), user["email"], user["first_name"]) == (summary.id, ADA, "Ada")
    assert (user["account_status"], user["roles"], user["last_login"]) == ("active", [], None)
    assert (await accounts.row("user_sessions"))["token_hash"] == session.token_hash
    event = await accounts.row("outbox")
    assert (event["type"], event["topic"], event["key"]) == ("USER_CREATED", "user-events", summary.id)
    request = await accounts.row("mail_requests")
    assert UserCreated.FromString(event["value"]) == UserCreated(
        user_id=summary.id, email=ADA, name="Ada Tour", verification_id=str(request["id"])
    )
    assert jwt.decode(session.token, options={"verify_signature": False})["sub"] == summary.id


async def test_neither_password_nor_token_is_kept(accounts: Accounts) -> None:
    _, session = await accounts.register(ADA, key="k")
    for table in await accounts.counts():
        kept = await accounts.postgres.fetch(f"SELECT to_jsonb(t)::text AS text, * FROM {table} t")
        for row in kept:
            everything = " ".join(str(value) for value in row.values())
            assert PASSWORD not in everything
            assert PASSWORD.encode().hex() not in everything
            assert session.token not in everything
            assert session.token.encode().hex() not in everything


async def test_a_taken_address_is_refused_before_it_costs_a_hash(accounts: Accounts) -> None:
    await accounts.register(ADA)
    with pytest.raises(EmailTaken):
        await accounts.register("aDA@EXAMPLE.com")
    assert await accounts.counts() == ONE_ACCOUNT
    assert accounts.hashed == ["ada@example.com"]


async def test_a_suspended_account_keeps_its_address_and_a_deleted_one_gives_it_back(accounts: Accounts) -> None:
    first, _ = await accounts.register(ADA)
    await accounts.set_status(ADA, "suspended")
    with pytest.raises(EmailTaken):
        await accounts.register(ADA)
    await accounts.set_status(ADA, "deleted")
    second, _ = await accounts.register(ADA)
    assert first.id != second.id


async def test_a_bad_name_changes_nothing(accounts: Accounts) -> None:
    with pytest.raises(InvalidPerson):
        await accounts.register(ADA, first_name=" ", key="k")
    assert await accounts.counts() == NOTHING
    assert accounts.hashed == []


async def test_of_many_for_one_address_exactly_one_wins(accounts: Accounts) -> None:
    cases = [ADA.swapcase() if n % 2 else ADA for n in range(8)]
    good, bad = await outcomes(*(accounts.register(email, f"password {n}") for n, email in enumerate(cases)))
    assert (len(good), bad) == (1, {EmailTaken: 7})
    assert await accounts.counts() == ONE_ACCOUNT


class TestWithAKey:
    async def test_a_repeat_answers_with_the_same_account_and_a_new_session(self, accounts: Accounts) -> None:
        summary, session = await accounts.register(ADA, key="k")
        again, other = await accounts.register(ADA, key="k")
        assert again == summary
        assert (other.account_id, other.id != session.id) == (session.account_id, True)
        assert await accounts.counts() == {**ONE_ACCOUNT_BY_KEY, "user_sessions": 2}

    async def test_a_repeat_gets_the_first_answer_though_the_account_has_changed(self, accounts: Accounts) -> None:
        summary, _ = await accounts.register(ADA, key="k")
        await accounts.postgres.execute("UPDATE users SET first_name = 'Eve'")
        again, _ = await accounts.register(ADA, key="k")
        assert again == summary

    async def test_a_repeat_that_does_not_know_the_password_learns_nothing(self, accounts: Accounts) -> None:
        await accounts.register(ADA, key="k")
        with pytest.raises(EmailTaken) as refused:
            await accounts.register(ADA, "another horse", key="k")
        with pytest.raises(EmailTaken) as taken:
            await accounts.register(ADA, key="another key")
        assert str(refused.value) == str(taken.value)
        assert await accounts.counts() == ONE_ACCOUNT_BY_KEY

    async def test_other_content_is_a_conflict(self, accounts: Accounts) -> None:
        await accounts.register(ADA, key="k")
        with pytest.raises(IdempotencyMismatch):
            await accounts.register(ADA, key="k", first_name="Eve")
        assert await accounts.counts() == ONE_ACCOUNT_BY_KEY

    async def test_a_key_is_the_addresss_own(self, accounts: Accounts) -> None:
        first, _ = await accounts.register(ADA, key="k")
        second, _ = await accounts.register("bob@example.com", key="k")
        assert first.id != second.id

    async def test_a_key_that_made_nothing_is_free(self, accounts: Accounts) -> None:
        await accounts.register(ADA)
        with pytest.raises(EmailTaken):
            await accounts.register(ADA, key="k", first_name="Eve")
        await accounts.set_status(ADA, "deleted")
        summary, _ = await accounts.register(ADA, key="k")
        assert summary.first_name == "Ada"

    async def test_a_key_is_free_again_with_its_deleted_account(self, accounts: Accounts) -> None:
        first, _ = await accounts.register(ADA, key="k")
        await accounts.delete(first.id)
        good, bad = await outcomes(*(accounts.register(ADA, "another horse", key="k") for _ in range(10)))
        assert bad == {}
        (second,) = {summary.id for summary, _ in good}
        assert second != first.id
        await accounts.delete(second)
        assert (await accounts.register(ADA, key="k"))[0].id not in (first.id, second)

    async def test_no_session_for_an_account_that_may_not_sign_in(self, accounts: Accounts) -> None:
        await accounts.register(ADA, key="k")
        await accounts.set_status(ADA, "suspended")
        with pytest.raises(EmailTaken):
            await accounts.register(ADA, key="k")
        assert await accounts.counts() == ONE_ACCOUNT_BY_KEY

    async def test_a_hundred_at_once_make_one_account(self, accounts: Accounts) -> None:
        good, bad = await outcomes(*(accounts.register(ADA, key="k") for _ in range(100)))
        assert bad == {}
        assert len({summary.id for summary, _ in good}) == 1
        assert len({session.id for _, session in good}) == 100
        assert await accounts.counts() == {**ONE_ACCOUNT_BY_KEY, "user_sessions": 100}

    async def test_of_many_with_one_key_and_different_passwords_only_the_winners_gets_in(
        self, accounts: Accounts
    ) -> None:
        good, bad = await outcomes(*(accounts.register(ADA, f"password {n}", key="k") for n in range(6)))
        assert (len(good), bad) == (1, {EmailTaken: 5})
        assert await accounts.counts() == ONE_ACCOUNT_BY_KEY


@pytest.mark.parametrize(
    "step",
    [
        (PostgresAccounts, "add"), (PostgresSessions, "add"), (outbox, "publish_all"), (idempotency, "answer"),
    ],
    ids=lambda step: f"{step[0].__name__}.{step[1]}",
)  # fmt: skip
async def test_dying_after_any_step_leaves_nothing_and_the_repeat_does_it_all(
    accounts: Accounts, step: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = step
    real = getattr(module, name)

    async def die(*arguments: object, **named: object) -> None:
        await real(*arguments, **named)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(module, name, die)
        with pytest.raises(asyncio.CancelledError):
            await accounts.register(ADA, key="k")
    assert await accounts.counts() == NOTHING
    await accounts.register(ADA, key="k")
    assert await accounts.counts() == ONE_ACCOUNT_BY_KEY
