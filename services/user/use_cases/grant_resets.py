"""Process requested password resets: create a mail request for each address with an account."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.plain.crash_points import reach
from services.user.domain.accounts import AccountStatus
from services.user.domain.facts import PasswordResetRequested
from services.user.domain.mail_requests import Purpose
from services.user.ports import UserUnit, Work


@dataclass(frozen=True)
class GrantResetsHandler:
    """Any number of replicas may run it concurrently; a request and its result are one transaction."""

    work: Work

    async def __call__(self) -> bool:
        """Whether there was a request. Publishes PasswordResetRequested if an active account has the address."""
        async with self.work.begin() as unit:
            address_key = await unit.reset_wishes.take()
            if address_key is None:
                return False
            await self._grant(unit, address_key)
            reach("user.grant_reset.before_commit")
        reach("user.grant_reset.committed")
        return True

    @staticmethod
    async def _grant(unit: UserUnit, address_key: str) -> None:
        found = await unit.accounts.credentials_by_address(address_key)
        if found is None or await unit.accounts.lock(found.account_id) is not AccountStatus.ACTIVE:
            return
        reset_id = await unit.mail_requests.open(found.account_id, Purpose.PASSWORD_RESET, address_key)
        await unit.publish(PasswordResetRequested(found.account_id, reset_id))
