"""A step of other use cases: end the sessions of an account."""

from __future__ import annotations

from uuid import UUID

from services.user.domain.facts import SessionRevoked
from services.user.ports import UserUnit


async def end_all_sessions(unit: UserUnit, account_id: UUID, but: UUID | None = None) -> list[UUID]:
    """Ends an account's open sessions, except `but`, and publishes SessionRevoked for each. Returns their ids.

    The account is locked by the unit of work, so that its events keep their order.
    """
    ended = await unit.sessions.end_all(account_id, but)
    await unit.publish_all([SessionRevoked(account_id, session_id) for session_id in ended])
    return ended
