"""Answers that are kept for repeats, in PostgreSQL (the chassis' idempotency keys)."""

from __future__ import annotations

from typing import TypeVar

from services.chassis.data import idempotency
from services.chassis.data.idempotency import Claimed
from services.chassis.data.postgres import Connection
from services.chassis.data.postgres_work import Codec, Codecs
from services.payment.ports import KeptUnder, Replay

A = TypeVar("A")


class PostgresAnswers:
    """Kept answers on one connection (ports.Answers).

    Args:
        connection: within a transaction.
        codecs: how each type of answers is kept.
    """

    def __init__(self, connection: Connection, codecs: Codecs) -> None:
        self._connection = connection
        self._codecs = codecs

    async def claim(self, where: KeptUnder, answer: type[A]) -> Replay[A] | None:
        """Claims the key in this transaction. Not None: an earlier request with the same content has it."""
        claimed = await idempotency.claim(self._connection, where.scope, where.key, where.fingerprint)
        if isinstance(claimed, Claimed):
            return None
        kept = claimed.response
        return Replay(where, None if kept is None else decode(self._codecs[answer], kept))

    async def keep(self, scope: str, key: str, answer: object) -> None:
        """Keeps the answer to the request that claimed the key. The first answer stays."""
        await idempotency.answer(self._connection, scope, key, self._codecs[type(answer)].encode(answer))

    async def forget(self, scope: str, key: str) -> None:
        """Lets go of a key whose request certainly had no effect. An answered key stays."""
        await idempotency.forget(self._connection, scope, key)


def decode(codec: Codec[A], kept: bytes) -> A:
    """The answer in its stored form."""
    return codec.decode(codec.message.FromString(kept))
