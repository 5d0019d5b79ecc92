"""The unit of work: what one use case does to its store, all of it or nothing.

A service's `ports.py` extends `UnitOfWork` by its repositories. Use cases receive `UnitsOfWork` of that type:

    async with self.work.begin("inventory.reserve") as unit:
        if await unit.first_time(event_id):
            ...read, decide, write...
            await unit.publish(StockReserved(...))

This module is plain: no driver, no protobuf. `postgres_work.py` implements it on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

U_co = TypeVar("U_co", covariant=True)
A = TypeVar("A")
F_contra = TypeVar("F_contra", contravariant=True)


@dataclass(frozen=True)
class Repeatable:
    """How a repeat of a request is recognized."""

    key: str | None
    """The caller's idempotency key; None: every request is a new one."""
    fingerprint: bytes
    """HMAC of the request's content: another content under the same key is refused."""


@dataclass(frozen=True)
class Answered(Generic[A]):
    """The answer to a repeatable request."""

    value: A
    replayed: bool = False
    """Whether an earlier call with the same key made it."""


class UnitOfWork(Protocol[F_contra]):
    """One transaction, as every service has it. `F_contra` is the union of the facts that the service publishes."""

    async def first_time(self, event_id: UUID) -> bool:
        """Records the event as processed. True the first time, False for a duplicate."""

    async def publish(self, fact: F_contra) -> None:
        """Stores a fact that happened; it is published soon after the commit (outbox)."""

    async def publish_all(self, facts: Sequence[F_contra]) -> None:
        """Like `publish` for many facts, in their order, with few statements."""

    async def publish_again(self, fact: F_contra) -> None:
        """Publishes a fact once more, for consumers that may have missed it.

        It keeps its event id for as long as the outbox keeps the event; after that it is published as a new event.
        """


class UnitsOfWork(Protocol[U_co]):
    """Opens units of work."""

    def begin(self, name: str = "") -> AbstractAsyncContextManager[U_co]:
        """A transaction: committed at the end of the block, rolled back when the block raises.

        `name`: what it does, such as "inventory.reserve"; the crash points around the commit are named after it.
        Without a name there are none.

        Never wait for another service inside. Raises Unavailable when the store is away or is too busy; after an
        error in the commit the outcome may be unknown.
        """

    def read(self) -> AbstractAsyncContextManager[U_co]:
        """The same repositories without a transaction, for reads. Raises Unavailable."""

    async def once(
        self, name: str, scope: str, request: Repeatable, effect: Callable[[U_co], Awaitable[A]], answer: type[A]
    ) -> Answered[A]:
        """Runs the effect in one transaction, at most once for the key in its scope; a repeat gets the first answer.

        Args:
            name: see `begin`.
            scope: owner and purpose of the key ("createProduct:<user id>"). Another scope is another key.
            request: the key and the fingerprint. Without a key the effect runs every time.
            effect: runs in the transaction. Its result is kept as the answer; if it raises, nothing is kept.
            answer: the type of the result.

        Raises:
            IdempotencyMismatch: the key was used with other content.
            IdempotencyInFlight: the first call with the key does not finish within this call's deadline.
        """
