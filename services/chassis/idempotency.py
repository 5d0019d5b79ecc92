"""Idempotency keys: a create that is repeated answers what it answered first, and happens once.

The key is claimed in the effect's own transaction, so that both exist or neither. Most creates are one transaction:

    outcome = await once(postgres, f"order:{user.id}", call.idempotency_key, print_, place, CreatedThing)

where `place(connection)` does everything and returns the message to answer and to keep. A create that must talk to
another party between two transactions uses `claim` in the first, `answer` in the last, `wait_for_answer` in a repeat:

    async def begin() -> Claimed | Replay:
        async with postgres.transaction() as connection:
            claimed = await claim(connection, scope, key, print_)
            if isinstance(claimed, Claimed):
                ...insert the row...
            return claimed
    match await patiently(begin): ...

What is kept must hold no token, password or client secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from google.protobuf.message import Message
from pydantic import SecretStr

from services.chassis import deadlines
from services.chassis.crash_points import reach
from services.chassis.errors import IdempotencyInFlight, IdempotencyMismatch
from services.chassis.postgres import Connection, Postgres, affected

KEEP = timedelta(hours=24)
"""How long a key is remembered at least."""

_ANSWER_SECONDS = 0.3
"""How long before the deadline waiting ends, so that there is time to say so."""
_WITHOUT_DEADLINE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.25
_LOCK_SEED = 7_203_002

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True)
class Claimed:
    """The key is this transaction's: do the effect."""


@dataclass(frozen=True)
class Replay:
    """The key was claimed by an earlier call with the same content, whose effect is committed."""

    response: bytes | None
    """What it answered, serialized; None: it has not answered yet (or died before it could)."""


@dataclass(frozen=True)
class Outcome(Generic[M]):
    """What a create answers."""

    message: M
    replayed: bool
    """Whether an earlier call made it."""


def fingerprint(secret: SecretStr | str, message: Message, leave_out: Sequence[str] = ("password",)) -> bytes:
    """What a request says, as an HMAC-SHA256 that tells nothing of it without the secret.

    Two requests have the same one when they are the same message with the same content, the top-level fields in
    `leave_out` aside (a field that the message does not have is none to leave out).
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
    """Do the effect in one transaction, at most once for the key in its scope; a repeat gets the first answer.

    Args:
        scope: who the key belongs to and what it is for ("createProduct:<user id>"): another scope is another key.
        key: the caller's idempotency key; None: no key, the effect is simply done.
        effect: runs in the transaction; what it returns is the answer and is kept. When it raises, nothing is kept.
        point: what the transaction's crash points are named after (`Postgres.transaction`).

    Raises:
        IdempotencyMismatch: the key was used with other content.
        IdempotencyInFlight: the first call with the key has not finished within this call's deadline.
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
    """Claim the key in the effect's transaction, or learn what became of the call that has it.

    Never waits for another transaction: a connection that waited for the winner would be one that the winner's peers
    and everybody else cannot use. Wrap the transaction in `patiently`.

    Raises:
        IdempotencyInFlight: another transaction is claiming it right now.
        IdempotencyMismatch: it was claimed with other content.
    """
    if not connection.is_in_transaction():
        raise RuntimeError("an idempotency key is claimed in the transaction of the effect")
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
    """Keep what a claimed key's call answers, for repeats. The first answer stays."""
    await connection.execute(
        "UPDATE idempotency_keys SET response = $3 WHERE scope = $1 AND key = $2 AND response IS NULL",
        scope,
        key,
        response.SerializeToString(deterministic=True),
    )


async def forget(connection: Connection, scope: str, key: str) -> None:
    """Let go of a claimed key whose call came to nothing, in the transaction that says so: a repeat starts afresh.

    Only for a call that certainly had no effect. A key that has an answer stays.
    """
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE scope = $1 AND key = $2 AND response IS NULL", scope, key
    )


async def wait_for_answer(postgres: Postgres, scope: str, key: str, request_fingerprint: bytes) -> bytes:
    """What the call with this key answers, serialized, as soon as it has.

    Raises:
        IdempotencyInFlight: it has not within this call's deadline.
        IdempotencyMismatch: the key was claimed with other content.
    """

    async def attempt() -> bytes:
        async with postgres.connection() as connection:
            found = await _look_up(connection, scope, key, request_fingerprint)
        if found.response is None:
            raise IdempotencyInFlight
        return found.response

    return await patiently(attempt)


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Call `attempt` until it no longer raises IdempotencyInFlight, holding nothing in between.

    Raises:
        IdempotencyInFlight: the present work's deadline is near (without one: after 30 s).
    """
    left = deadlines.remaining()
    loop = asyncio.get_running_loop()
    give_up = loop.time() + (_WITHOUT_DEADLINE_SECONDS if left is None else left - _ANSWER_SECONDS)
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except IdempotencyInFlight:
            if loop.time() + pause > give_up:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` keys that were claimed before an instant; answers how many."""
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
    if row is None:  # the one that is claiming it has not committed
        raise IdempotencyInFlight
    if not hmac.compare_digest(row["fingerprint"], request_fingerprint):
        raise IdempotencyMismatch
    return Replay(row["response"])
