"""A step of other use cases: store the session of a sign-in."""

from __future__ import annotations

from services.user.domain.sessions import Session
from services.user.ports import UserUnit


async def add_session(unit: UserUnit, session: Session) -> None:
    """Stores the session, and remembers its client's address: strangers do not hold up sign-ins from there."""
    await unit.sessions.add(session)
    if session.client.ip_address is not None:
        await unit.known_clients.remember(session.account_id, session.client.ip_address)
