"""Idempotency keys: a repeated request has no second effect and gets the first response.

The key is claimed in the transaction of the effect, so that both are committed or neither. Most creates are one
transaction:

    outcome = await once(postgres, f"order:{user.id}", call.idempotency_key, print_, place, CreatedThing)

where `place(connection)` does everything and returns the response, which is stored. A create that calls an external
party between two transactions uses `claim` in the first, `answer` in the last, `wait_for_answer` in a repeat
(`patiently` is in in_flight.py):

    async def begin() -> Claimed | Replay:
        async with postgres.transaction() as connection:
            claimed = await claim(connection, scope, key, print_)
            if isinstance(claimed, Claimed):
                ...insert the row...
            return claimed
    match await patiently(begin): ...

A stored response must not contain a token, password or client secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from google.protobuf.message import Message
from pydantic import SecretStr

from services.chassis.data.postgres import Connection, Postgres, affected
from services.chassis.plain.crash_points import reach
from services.chassis.plain.errors import IdempotencyInFlight, IdempotencyMismatch
from services.chassis.plain.in_flight import patiently

KEEP = timedelta(hours=24)
"""The minimum time that a key is kept."""

_LOCK_SEED = 7_203_002

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Claimed:
    """This transaction has claimed the key: execute the effect."""


@dataclass(frozen=True)
class Replay:
    """The key was claimed by an earlier call with the same content, whose effect is committed."""

    response: bytes | None
    """Its serialized response. None: it has not responded yet, or its process died before."""


@dataclass(frozen=True)
class Outcome(Generic[M]):
    """The response of a create."""

    message: M
    replayed: bool
    """Whether it is the stored response of an earlier call."""


def fingerprint(secret: SecretStr | str, message: Message, leave_out: Sequence[str] = ("password",)) -> bytes:
    """An HMAC-SHA256 of a request's type and content. It reveals nothing of the content without the secret.

    The top-level fields in `leave_out` are not included. Names that the message does not have are ignored.
    """
    stripped = type(message)()
    stripped.CopyFrom(message)
    for field in leave_out:
        if field in stripped.DESCRIPTOR.fields_by_name:
            stripped.ClearField(field)
    key = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    content = stripped.DESCRIPTOR.full_name.encode() + b"\0" + stripped.SerializeToString(deterministic=True)
    return hmac.digest(key.encode(), content, hashlib.sha256)


async def once(
    postgres: Postgres,
    scope: str,
    key: str | None,
    request_fingerprint: bytes,
    effect: Callable[[Connection], Awaitable[M]],
    response_class: type[M],
    point: str = "",
) -> Outcome[M]:
    """Execute the effect in one transaction, at most once for the key in its scope. A repeat gets the first response.

    Args:
        scope: owner and purpose of the key ("createProduct:<user id>"). The same key in another scope is another key.
        key: the caller's idempotency key. None: the effect is executed at every call.
        request_fingerprint: from `fingerprint`.
        effect: runs in the transaction. Its result is the response, which is stored. If it raises, nothing is stored.
        response_class: the type of the response.
        point: the prefix of the transaction's crash points (`Postgres.transaction`).

    Raises:
        IdempotencyMismatch: the key was used with other content.
        IdempotencyInFlight: the first call with the key does not finish within this call's deadline.
    """
    if key is None:
        async with postgres.transaction(point) as connection:
            return Outcome(await effect(connection), replayed=False)

    async def attempt() -> Outcome[M]:
        async with postgres.transaction(point) as connection:
            claimed = await claim(connection, scope, key, request_fingerprint)
            if isinstance(claimed, Claimed):
                message = await effect(connection)
                await answer(connection, scope, key, message)
                return Outcome(message, replayed=False)
        if claimed.response is None:
            raise IdempotencyInFlight
        return Outcome(response_class.FromString(claimed.response), replayed=True)

    return await patiently(attempt)


async def claim(connection: Connection, scope: str, key: str, request_fingerprint: bytes) -> Claimed | Replay:
    """Claim the key in the transaction of the effect, or return the response of the call that has claimed it.

    Never waits for another transaction, because a waiting call would occupy a connection of the pool. Wrap the
    transaction in `patiently`.

    Raises:
        IdempotencyInFlight: another transaction is claiming it right now.
        IdempotencyMismatch: it was claimed with other content.
    """
    if not connection.is_in_transaction():
        raise RuntimeError("an idempotency key must be claimed in the transaction of the effect")
    claimed: bool = await connection.fetchval(
        """
        WITH lock AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(hashtextextended($1 || E'\\n' || $2, $4)) AS free
        ), claimed AS (
            INSERT INTO idempotency_keys (scope, key, fingerprint) SELECT $1, $2, $3 FROM lock WHERE free
            ON CONFLICT DO NOTHING RETURNING true
        )
        SELECT EXISTS (SELECT FROM claimed)
        """,
        scope,
        key,
        request_fingerprint,
        _LOCK_SEED,
    )
    if claimed:
        reach("idempotency.claimed")
    return Claimed() if claimed else await _look_up(connection, scope, key, request_fingerprint)


async def answer(connection: Connection, scope: str, key: str, response: Message) -> None:
    """Store the response of the call that claimed the key. A response that is already stored stays."""
    await connection.execute(
        "UPDATE idempotency_keys SET response = $3 WHERE scope = $1 AND key = $2 AND response IS NULL",
        scope,
        key,
        response.SerializeToString(deterministic=True),
    )


async def forget(connection: Connection, scope: str, key: str) -> None:
    """Delete a claimed key, in the transaction that records the failure of its call, so that a repeat starts again.

    Only for a call that certainly had no effect. A key with a stored response stays.
    """
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE scope = $1 AND key = $2 AND response IS NULL", scope, key
    )


async def wait_for_answer(postgres: Postgres, scope: str, key: str, request_fingerprint: bytes) -> bytes:
    """Wait for the response of the call with this key. Returns it serialized.

    Raises:
        IdempotencyInFlight: there is no response within this call's deadline.
        IdempotencyMismatch: the key was claimed with other content.
    """

    async def attempt() -> bytes:
        async with postgres.connection() as connection:
            found = await _look_up(connection, scope, key, request_fingerprint)
        if found.response is None:
            raise IdempotencyInFlight
        return found.response

    return await patiently(attempt)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` keys that were claimed before `before`. Returns the number."""
    tag: str = await connection.execute(
        """
        DELETE FROM idempotency_keys WHERE (scope, key) IN (
            SELECT scope, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)


async def _look_up(connection: Connection, scope: str, key: str, request_fingerprint: bytes) -> Replay:
    row = await connection.fetchrow(
        "SELECT fingerprint, response FROM idempotency_keys WHERE scope = $1 AND key = $2", scope, key
    )
    if row is None:  # the transaction that claims it has not committed
        raise IdempotencyInFlight
    if not hmac.compare_digest(row["fingerprint"], request_fingerprint):
        raise IdempotencyMismatch
    return Replay(row["response"])
