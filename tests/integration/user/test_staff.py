"""Granting and revoking the staff's role, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from services.user.domain.accounts import NoSuchUser
from services.user.domain.sessions import Session
from services.user.use_cases.change_staff import ChangeStaff, ChangeStaffHandler, StaffChange
from tests.integration.user.support import Accounts, outcomes

ADA = "Ada@example.com"


async def change(accounts: Accounts, staff: bool, email: str = ADA) -> StaffChange:
    return await ChangeStaffHandler(accounts.work)(ChangeStaff(email, staff, operator="eve"))


def roles(session: Session) -> list[str]:
    claims: Mapping[str, Any] = jwt.decode(session.token, options={"verify_signature": False})
    return list(claims["roles"])


async def test_who_is_granted_has_it_from_the_next_sign_in_on(accounts: Accounts) -> None:
    summary, before = await accounts.register(ADA)
    granted = await change(accounts, True, " ADA@EXAMPLE.COM ")
    assert (str(granted.account_id), granted.changed, granted.sessions_ended) == (summary.id, True, 0)
    assert roles(before) == []
    assert not await accounts.rows("user_sessions", revoked=True)
    assert roles(await accounts.log_in(ADA)) == ["staff"]
    assert "SESSION_REVOKED" not in await accounts.events(summary.id)


async def test_who_is_revoked_is_signed_out_and_comes_back_as_a_customer(accounts: Accounts) -> None:
    summary, _ = await accounts.register(ADA)
    await change(accounts, True)
    await accounts.log_in(ADA)
    revoked = await change(accounts, False)
    assert (revoked.changed, revoked.sessions_ended) == (True, 2)
    assert not await accounts.rows("user_sessions", revoked=False)
    assert (await accounts.events(summary.id)).count("SESSION_REVOKED") == 2
    assert roles(await accounts.log_in(ADA)) == []


@pytest.mark.parametrize("staff", [True, False])
async def test_at_once_or_again_it_happens_once(accounts: Accounts, staff: bool) -> None:
    summary, _ = await accounts.register(ADA)
    if not staff:
        await change(accounts, True)
    changes, failures = await outcomes(*(change(accounts, staff) for _ in range(8)))
    assert not failures
    assert sorted(each.changed for each in changes) == [False] * 7 + [True]
    assert (await change(accounts, staff)).changed is False
    assert (await accounts.events(summary.id)).count("SESSION_REVOKED") == (0 if staff else 1)


async def test_no_staff_session_outlives_a_revocation_that_came_with_a_sign_in(accounts: Accounts) -> None:
    await accounts.register(ADA)
    await change(accounts, True)
    *sessions, _ = await asyncio.gather(*(accounts.log_in(ADA) for _ in range(6)), change(accounts, False))
    for session in sessions:
        assert isinstance(session, Session)
        row = await accounts.row("user_sessions", id=session.id)
        assert row["revoked"] is ("staff" in roles(session))


@pytest.mark.parametrize("deleted", [False, True])
async def test_an_address_without_an_account_changes_nothing(accounts: Accounts, deleted: bool) -> None:
    summary, _ = await accounts.register(ADA)
    if deleted:
        await accounts.delete(summary.id)
    before = await accounts.rows("users"), await accounts.counts()
    for staff in (True, False):
        with pytest.raises(NoSuchUser):
            await change(accounts, staff, ADA if deleted else "nobody@example.com")
    assert (await accounts.rows("users"), await accounts.counts()) == before
