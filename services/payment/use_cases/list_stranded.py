"""Show the payments that need a person, to operators."""

from __future__ import annotations

from dataclasses import dataclass

from services.payment.domain.payments import StrandedPayment
from services.payment.ports import Work


@dataclass(frozen=True)
class ListStranded:
    """How many at most."""

    limit: int


@dataclass(frozen=True)
class ListStrandedHandler:
    """Reads stranded payments."""

    work: Work

    async def __call__(self, command: ListStranded) -> list[StrandedPayment]:
        """The oldest of them, oldest first."""
        async with self.work.read() as unit:
            return await unit.stranded.oldest(command.limit)
