"""The unit of work on PostgreSQL: one transaction with inbox, outbox and idempotency keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from services.chassis.data import idempotency, inbox, outbox
from services.chassis.data.postgres import Connection, Postgres
from services.chassis.plain.unit_of_work import Answered, Repeatable

A = TypeVar("A")
F = TypeVar("F")
U = TypeVar("U")


@dataclass(frozen=True)
class Outgoing:
    """The event of a fact, and its headers."""

    event: Message
    key: str
    """Events with the same key keep their order."""
    subject: str
    """What the event is about (ce_subject)."""
    sequence: int | None = None
    """The aggregate's version, where it has one (ce_sequence)."""


@dataclass(frozen=True)
class Codec(Generic[A]):
    """How an answer is stored for repeats: as a protobuf message."""

    message: type[Message]
    encode: Callable[[A], Message]
    decode: Callable[[Any], A]


Codecs = Mapping[type, Codec[Any]]
"""Type of answer → its codec."""


class PostgresUnit(Generic[F]):
    """A unit of work on one connection. A service's own unit adds its repositories.

    Args:
        connection: within a transaction, or without one for reads.
        consumer: the consumer group whose processed events `first_time` records.
        encode: fact → event.
    """

    def __init__(self, connection: Connection, consumer: str, encode: Callable[[F], Outgoing]) -> None:
        self.connection = connection
        self._consumer = consumer
        self._encode = encode

    async def first_time(self, event_id: UUID) -> bool:
        """Implements UnitOfWork.first_time. Raises RuntimeError outside a transaction."""
        return await inbox.first_time(self.connection, self._consumer, event_id)

    async def publish(self, fact: F) -> None:
        """Implements UnitOfWork.publish. Raises RuntimeError outside a transaction."""
        await self.publish_all([fact])

    async def publish_all(self, facts: Sequence[F]) -> None:
        """Implements UnitOfWork.publish_all. Raises RuntimeError outside a transaction."""
        encoded = map(self._encode, facts)
        stored = [outbox.Stored(out.event, out.key, out.subject, out.sequence) for out in encoded]
        await outbox.publish_all(self.connection, stored)

    async def publish_again(self, fact: F) -> None:
        """Implements UnitOfWork.publish_again. Raises RuntimeError outside a transaction."""
        out = self._encode(fact)
        await outbox.publish_again(self.connection, out.event, out.key, out.subject)


class _Opened(Generic[U]):
    """A unit of work on the connection of a block. A class, because a generator takes twice as long."""

    __slots__ = ("_connection", "_unit")

    def __init__(self, connection: AbstractAsyncContextManager[Connection], unit: Callable[[Connection], U]) -> None:
        self._connection = connection
        self._unit = unit

    async def __aenter__(self) -> U:
        return self._unit(await self._connection.__aenter__())

    async def __aexit__(self, *details: Any) -> bool | None:
        return await self._connection.__aexit__(*details)


class PostgresWork(Generic[U]):
    """Opens units of work on a pool (UnitsOfWork).

    Args:
        postgres: the pool.
        unit: connection → the service's unit of work.
        codecs: how answers of repeatable requests are stored.
    """

    def __init__(self, postgres: Postgres, unit: Callable[[Connection], U], codecs: Codecs | None = None) -> None:
        self._postgres = postgres
        self._unit = unit
        self._codecs = codecs or {}

    def begin(self, name: str = "") -> AbstractAsyncContextManager[U]:
        """Implements UnitsOfWork.begin by Postgres.transaction."""
        return _Opened(self._postgres.transaction(name), self._unit)

    def read(self) -> AbstractAsyncContextManager[U]:
        """Implements UnitsOfWork.read by Postgres.connection."""
        return _Opened(self._postgres.connection(), self._unit)

    async def once(
        self, name: str, scope: str, request: Repeatable, effect: Callable[[U], Awaitable[A]], answer: type[A]
    ) -> Answered[A]:
        """Implements UnitsOfWork.once."""
        codec: Codec[A] = self._codecs[answer]
        made: list[A] = []

        async def in_transaction(connection: Connection) -> Message:
            made[:] = [await effect(self._unit(connection))]
            return codec.encode(made[0])

        outcome = await idempotency.once(
            self._postgres, scope, request.key, request.fingerprint, in_transaction, codec.message, name
        )
        if outcome.replayed:
            return Answered(codec.decode(outcome.message), replayed=True)
        return Answered(made[0])
