"""Ending sessions on a real PostgreSQL."""

from __future__ import annotations

from uuid import UUID

import pytest

from argosy.event.v1.user_events_pb2 import SessionRevoked
from services.chassis.plain.ids import new_id
from services.user.domain.sessions import NoSuchSession
from services.user.use_cases.list_sessions import ListSessions, ListSessionsHandler
from tests.integration.user.support import Accounts, outcomes

ADA, BOB = "Ada@example.com", "bob@example.com"


async def test_one_session_ends_and_is_published(accounts: Accounts) -> None:
    summary, first = await accounts.register(ADA)
    second = await accounts.log_in(ADA)
    await accounts.end_session(first)
    assert (accounts.refuses(first), accounts.refuses(second)) == (True, False)
    assert (await accounts.row("user_sessions", id=first.id))["revoked"]
    assert not (await accounts.row("user_sessions", id=second.id))["revoked"]
    event = await accounts.row("outbox", type="SESSION_REVOKED")
    assert event["key"] == summary.id
    revoked = SessionRevoked.FromString(event["value"])
    assert revoked == SessionRevoked(user_id=summary.id, session_id=str(first.id))


async def test_at_once_or_again_it_ends_once(accounts: Accounts) -> None:
    summary, session = await accounts.register(ADA)
    answers, failures = await outcomes(*(accounts.end_session(session) for _ in range(10)))
    assert (len(answers), sum(failures.values())) == (10, 0)
    await accounts.end_session(session)
    assert await accounts.events(summary.id) == ["USER_CREATED", "SESSION_REVOKED"]


@pytest.mark.parametrize("whose", ["another person's", "nobody's"])
async def test_what_is_not_yours_does_not_exist_and_goes_on(accounts: Accounts, whose: str) -> None:
    _, adas = await accounts.register(ADA)
    bob, _ = await accounts.register(BOB)
    before = await accounts.counts()
    if whose == "nobody's":
        await accounts.postgres.execute("DELETE FROM user_sessions WHERE id = $1", adas.id)
        before["user_sessions"] -= 1
    with pytest.raises(NoSuchSession, match="session not found"):
        await accounts.end_session(adas, by=UUID(bob.id))
    assert await accounts.counts() == before
    assert not accounts.refuses(adas)
    assert not await accounts.rows("user_sessions", revoked=True)


async def test_open_sessions_are_listed_a_page_at_a_time_newest_first(accounts: Accounts) -> None:
    _, registered = await accounts.register(ADA)
    await accounts.register(BOB)
    opened = [registered, *[await accounts.log_in(ADA) for _ in range(4)]]
    await accounts.end_session(opened[1])
    await accounts.postgres.execute("UPDATE user_sessions SET expires_at = now() WHERE id = $1", opened[2].id)
    pages = ListSessionsHandler(accounts.work)
    first, place = await pages(ListSessions(registered.account_id, None, 2))
    second, end = await pages(ListSessions(registered.account_id, place, 2))
    assert [session.id for session in (*first, *second)] == [opened[4].id, opened[3].id, registered.id]
    assert (place, end) == (opened[3].id, None)
    assert first[0].client == opened[4].client
    assert await pages(ListSessions(new_id(), None, 2)) == ([], None)
