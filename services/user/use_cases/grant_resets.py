"""See to the wishes of those who have forgotten their password: make a request for each that has an account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from argosy.event.v1.user_events_pb2 import PasswordResetRequested
from services.chassis import outbox
from services.chassis.crash_points import reach
from services.chassis.postgres import Connection, Postgres
from services.user import mail_requests, reset_wishes, store
from services.user.domain import AccountStatus, Purpose

_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class GrantResets:
    """Any number of replicas may do it at once; a wish and what comes of it are one transaction."""

    postgres: Postgres

    async def run(self) -> None:
        """Look, see to what is there, wait; until cancelled."""
        while True:
            while await self.once():
                pass
            await asyncio.sleep(_EVERY_SECONDS)

    async def once(self) -> bool:
        """Whether there was a wish. PASSWORD_RESET_REQUESTED is published if an active account has the address."""
        async with self.postgres.transaction() as connection:
            address_key = await reset_wishes.take(connection)
            if address_key is None:
                return False
            await self._grant(connection, address_key)
            reach("user.grant_reset.before_commit")
        reach("user.grant_reset.committed")
        return True

    @staticmethod
    async def _grant(connection: Connection, address_key: str) -> None:
        found = await store.credentials_by_address(connection, address_key)
        if found is None or await store.lock_account(connection, found.account_id) is not AccountStatus.ACTIVE:
            return
        account_id = found.account_id
        reset_id = await mail_requests.open_request(connection, account_id, Purpose.PASSWORD_RESET, address_key)
        event = PasswordResetRequested(user_id=str(account_id), reset_id=str(reset_id))
        await outbox.publish(connection, event, key=str(account_id), subject=str(account_id))
