"""Signing in on a real PostgreSQL."""

from __future__ import annotations

import pytest

from argosy.event.v1.user_events_pb2 import UserLogin
from services.user.adapters.accounts import PostgresAccounts
from services.user.domain.accounts import NoSuchUser
from services.user.domain.sign_in import Credentials
from services.user.use_cases.get_user import GetUser, GetUserHandler
from services.user.use_cases.log_in import SignInRefused
from tests.integration.user.support import PASSWORD, Accounts, outcomes

ADA = "Ada@example.com"


async def test_opens_a_session_records_the_time_and_publishes_it(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    session = await accounts.log_in(" aDA@example.COM")
    user = await accounts.row("users")
    assert user["last_login"] > user["created_at"]
    stored = await accounts.row("user_sessions", id=session.id)
    assert (stored["token_hash"], str(stored["user_id"])) == (session.token_hash, summary.id)
    assert await accounts.events(summary.id) == ["USER_CREATED", "USER_LOGIN"]
    event = await accounts.row("outbox", type="USER_LOGIN")
    assert UserLogin.FromString(event["value"]) == UserLogin(
        user_id=summary.id, session_id=str(session.id), client_app="web-app"
    )


@pytest.mark.parametrize("case", ["wrong password", "unknown address", "suspended, wrong password", "deleted"])
async def test_who_is_refused_does_not_learn_why_and_changes_nothing(accounts: Accounts, case: str) -> None:
    await accounts.register(ADA)
    status = case.partition(",")[0]
    if status in ("suspended", "deleted"):
        await accounts.set_status(ADA, status)
    before, user = await accounts.counts(), await accounts.row("users")
    accounts.hashed.clear()
    with pytest.raises(SignInRefused, match="wrong email address or password"):
        await accounts.log_in(
            "bob@example.com" if case == "unknown address" else ADA,
            "another horse" if "wrong password" in case else PASSWORD,
        )
    assert len(accounts.hashed) == 1  # each costs the same
    assert await accounts.counts() == before
    assert await accounts.row("users") == user


@pytest.mark.parametrize(
    "change", ["account_status = 'suspended'", "password_hash = overlay(password_hash placing '......' from 50)"]
)
async def test_what_changes_while_the_password_is_compared_counts(
    accounts: Accounts, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accounts.register(ADA)
    before = await accounts.counts()
    real = PostgresAccounts.lock_unchanged

    async def after_the_change(self: PostgresAccounts, credentials: Credentials) -> object:
        await accounts.postgres.execute(f"UPDATE users SET {change}")
        return await real(self, credentials)

    monkeypatch.setattr(PostgresAccounts, "lock_unchanged", after_the_change)
    with pytest.raises(SignInRefused):
        await accounts.log_in(ADA)
    assert await accounts.counts() == before


async def test_many_at_once_each_get_a_session_of_their_own(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    good, bad = await outcomes(*(accounts.log_in(ADA) for _ in range(50)))
    assert bad == {}
    assert len({session.id for session in good}) == 50
    assert len(await accounts.rows("user_sessions")) == 51
    assert (await accounts.events(summary.id)).count("USER_LOGIN") == 50


async def test_an_account_is_read_by_its_owner_and_by_staff(accounts: Accounts) -> None:
    _, ada = await accounts.register(ADA)
    _, bob = await accounts.register("bob@example.com")
    read = GetUserHandler(accounts.work)
    assert (await read(GetUser(ada.account_id, False, ada.account_id))).person.email == ADA
    assert (await read(GetUser(bob.account_id, True, ada.account_id))).person.email == ADA
    with pytest.raises(NoSuchUser) as others:
        await read(GetUser(bob.account_id, False, ada.account_id))
    with pytest.raises(NoSuchUser) as unknown:
        await read(GetUser(bob.account_id, True, ada.id))
    assert str(others.value) == str(unknown.value)
