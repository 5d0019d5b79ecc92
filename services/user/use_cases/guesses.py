"""A step of other use cases: compare a password, within the limits of wrong ones."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.plain.errors import ResourceExhausted
from services.chassis.plain.single_flight import SingleFlight
from services.user.domain.limits import Limit, pause_after
from services.user.ports import Passwords, TooManySignIns, UserUnit, Work


class TooManyFailures(ResourceExhausted):
    """Too many passwords were wrong lately."""

    default_message = "too many failed sign-ins; try again later"


class Guesses:
    """Compares passwords. Each is counted as wrong before it is compared, and taken back when it is right.

    So of any number of concurrent guesses no more are compared than the limits allow. Concurrent calls with the same
    password are one guess: an owner who signs in on many devices at once is not held up.
    """

    def __init__(self, work: Work, passwords: Passwords) -> None:
        self._work = work
        self._passwords = passwords
        self._shared = SingleFlight()

    def check_room(self, name: str) -> None:
        """Raises TooManySignIns if a password of this name could not be compared now. For use before any other work."""
        self._passwords.check_room(name)

    async def match(self, name: str, password: str, password_hash: bytes | None, limits: Sequence[Limit]) -> bool:
        """Whether it is the password of the hash. Without a hash False, after the same time.

        Raises:
            TooManyFailures: a limit is reached; the password was not compared.
            TooManySignIns: too many passwords wait to be compared; this one does not count as wrong.
        """
        question = (name, password, password_hash, tuple(limits))
        return await self._shared.once(question, lambda: self._match(name, password, password_hash, limits))

    async def _match(self, name: str, password: str, password_hash: bytes | None, limits: Sequence[Limit]) -> bool:
        async with self._work.begin("user.count_guess") as unit:
            await self._count(unit, limits)
        try:
            matches = await self._passwords.matches(name, password, password_hash)
        except TooManySignIns:
            await self._take_back(limits)
            raise
        if matches:
            await self._take_back(limits)
        return matches

    @staticmethod
    async def _count(unit: UserUnit, limits: Sequence[Limit]) -> None:
        counts = await unit.sign_in_failures.count(limits)
        await refuse_paused(unit, limits)
        for limit, failures in zip(limits, counts, strict=True):
            await unit.sign_in_failures.refuse_for(limit, pause_after(failures, limit.free))

    async def _take_back(self, limits: Sequence[Limit]) -> None:
        async with self._work.begin("user.take_guess_back") as unit:
            await unit.sign_in_failures.take_back(limits)


async def refuse_paused(unit: UserUnit, limits: Sequence[Limit]) -> None:
    """Raises TooManyFailures during a pause, with the time that is left."""
    refused_for = await unit.sign_in_failures.refused_for(limits)
    if refused_for is not None:
        raise TooManyFailures(retry_after=refused_for)
