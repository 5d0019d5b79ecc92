"""Fakes of the chassis' ports, for unit tests of use cases."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.chassis.plain.errors import IdempotencyMismatch
from services.chassis.plain.unit_of_work import Answered, Repeatable

A = TypeVar("A")
U = TypeVar("U", bound="FakeUnit")


class FakeUnit:
    """A unit of work in memory. A service's fake extends it by fakes of its repositories."""

    def __init__(self) -> None:
        self.processed: set[UUID] = set()
        self.published: list[Any] = []
        self.published_again: list[Any] = []

    async def first_time(self, event_id: UUID) -> bool:
        """See UnitOfWork.first_time."""
        new = event_id not in self.processed
        self.processed.add(event_id)
        return new

    async def publish(self, fact: Any) -> None:
        """See UnitOfWork.publish."""
        self.published.append(fact)

    async def publish_all(self, facts: Sequence[Any]) -> None:
        """See UnitOfWork.publish_all."""
        for fact in facts:
            await self.publish(fact)

    async def publish_again(self, fact: Any) -> None:
        """See UnitOfWork.publish_again."""
        self.published_again.append(fact)


class FakeWork(Generic[U]):
    """UnitsOfWork on one unit in memory: what a failed unit changed is taken back."""

    def __init__(self, unit: U) -> None:
        self.unit = unit
        self._answers: dict[tuple[str, str], tuple[bytes, Any]] = {}

    @contextlib.asynccontextmanager
    async def begin(self, name: str = "") -> AsyncIterator[U]:
        """See UnitsOfWork.begin."""
        before = copy.deepcopy(self.unit.__dict__)
        try:
            yield self.unit
        except BaseException:
            self.unit.__dict__.clear()
            self.unit.__dict__.update(before)
            raise

    def read(self) -> contextlib.AbstractAsyncContextManager[U]:
        """See UnitsOfWork.read."""
        return self.begin()

    async def once(
        self, name: str, scope: str, request: Repeatable, effect: Callable[[U], Awaitable[A]], answer: type[A]
    ) -> Answered[A]:
        """See UnitsOfWork.once."""
        kept = self._answers.get((scope, request.key)) if request.key else None
        if kept is not None:
            if kept[0] != request.fingerprint:
                raise IdempotencyMismatch
            return Answered(kept[1], replayed=True)
        async with self.begin() as unit:
            value = await effect(unit)
        assert isinstance(value, answer)
        if request.key:
            self._answers[scope, request.key] = request.fingerprint, value
        return Answered(value)
