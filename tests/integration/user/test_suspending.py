"""Suspending people and reinstating them, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from services.chassis.plain.ids import new_id
from services.user.adapters.revocations import ChassisRevocations
from services.user.domain.accounts import AccountDeleted, AccountStatus, NoSuchUser, OwnAccount, User
from services.user.domain.limits import FAILURES_FOR_AN_ACCOUNT
from services.user.domain.sessions import Session
from services.user.use_cases.end_all_sessions import end_all_sessions
from services.user.use_cases.log_in import AccountSuspended, SignInRefused
from services.user.use_cases.suspend_user import SuspendUser, SuspendUserHandler
from tests.integration.user.support import PASSWORD, Accounts, outcomes

ADA = "Ada@example.com"
STAFF = new_id()


async def suspend(accounts: Accounts, account_id: str, by: UUID = STAFF) -> User:
    handler = SuspendUserHandler(accounts.work, ChassisRevocations(accounts.revocations))
    return await handler(SuspendUser(by, UUID(account_id), suspend=True))


async def reinstate(accounts: Accounts, account_id: str, by: UUID = STAFF) -> User:
    handler = SuspendUserHandler(accounts.work, ChassisRevocations(accounts.revocations))
    return await handler(SuspendUser(by, UUID(account_id), suspend=False))


async def test_who_is_suspended_is_out_and_stays_out_until_reinstated(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA)
    await accounts.change(summary.id, profile={"bio": "words"})
    user = await suspend(accounts, summary.id)
    assert (user.status, user.profile.bio) == (AccountStatus.SUSPENDED, "words")
    assert accounts.refuses(session)
    assert (await accounts.events(summary.id))[-1] == "SESSION_REVOKED"
    with pytest.raises(AccountSuspended):
        await accounts.log_in(ADA)
    assert (await reinstate(accounts, summary.id)).status is AccountStatus.ACTIVE
    assert accounts.refuses(session), "what ended stays ended"
    assert not accounts.refuses(await accounts.log_in(ADA))


async def test_only_who_knows_the_password_learns_of_it(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await suspend(accounts, summary.id)
    before = await accounts.counts()
    for _ in range(FAILURES_FOR_AN_ACCOUNT - 1):
        with pytest.raises(SignInRefused):
            await accounts.log_in(ADA, "wrong horse")
    with pytest.raises(AccountSuspended):
        await accounts.log_in(ADA, PASSWORD)
    assert await accounts.counts() == before
    assert not await accounts.rows("user_sessions", revoked=False)


async def test_at_once_or_again_it_happens_once(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    users, failures = await outcomes(*(suspend(accounts, summary.id) for _ in range(8)))
    assert ({user.status for user in users}, failures) == ({AccountStatus.SUSPENDED}, Counter())
    assert (await accounts.events(summary.id)).count("SESSION_REVOKED") == 1
    row = await accounts.row("users")
    await suspend(accounts, summary.id)
    assert await accounts.row("users") == row


async def test_no_session_outlives_a_suspension_that_came_with_its_sign_in(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    sign_ins = [accounts.log_in(ADA) for _ in range(6)]
    results = await asyncio.gather(*sign_ins, suspend(accounts, summary.id), return_exceptions=True)
    assert all(isinstance(result, Session | SignInRefused | AccountSuspended) for result in results[:-1])
    assert isinstance(results[-1], User)
    assert not await accounts.rows("user_sessions", revoked=False)


@pytest.mark.parametrize("what", ["own", "deleted", "unknown"])
async def test_what_is_not_possible_changes_nothing(accounts: Accounts, what: str) -> None:
    summary, session = await accounts.register(ADA)
    if what == "deleted":
        await accounts.delete(summary.id)
    before = await accounts.counts(), await accounts.rows("users"), await accounts.rows("user_sessions")
    refusal = {"own": OwnAccount, "deleted": AccountDeleted, "unknown": NoSuchUser}[what]
    account_id = str(new_id()) if what == "unknown" else summary.id
    with pytest.raises(refusal):
        await suspend(accounts, account_id, by=session.account_id if what == "own" else STAFF)
    if what == "deleted":
        with pytest.raises(AccountDeleted):
            await reinstate(accounts, summary.id)
    assert (await accounts.counts(), await accounts.rows("users"), await accounts.rows("user_sessions")) == before
    assert accounts.refuses(session) is (what == "deleted")


async def test_seventy_thousand_sessions_end_within_a_calls_deadline(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await accounts.postgres.execute(
        "INSERT INTO user_sessions (id, user_id, token_hash, expires_at)"
        " SELECT gen_random_uuid(), $1, sha256(n::text::bytea), now() + interval '1 day'"
        " FROM generate_series(1, 70000) AS n",
        UUID(summary.id),
    )
    statements = 0

    def count(_: object) -> None:
        nonlocal statements
        statements += 1

    async with accounts.work.begin("test") as unit:
        unit.connection.add_query_logger(count)  # type: ignore[attr-defined]
        try:
            ended = await end_all_sessions(unit, UUID(summary.id))
        finally:
            unit.connection.remove_query_logger(count)  # type: ignore[attr-defined]
    assert len(ended) == 70_001
    assert statements < 50  # a statement a session takes longer than a call may
    assert len(await accounts.rows("outbox", type="SESSION_REVOKED")) == 70_001
