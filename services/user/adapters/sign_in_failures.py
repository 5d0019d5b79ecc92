"""Counts of failed sign-ins in PostgreSQL: durable, and shared by all replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import SecretStr

from services.chassis.data.postgres import Connection, affected
from services.user.adapters.counts import hash_of
from services.user.domain.limits import FAILURES_KEPT, Counted, Limit

_KINDS: Mapping[Counted, str] = {
    Counted.ACCOUNT: "account",
    Counted.CLIENT: "address",
    Counted.KNOWN_CLIENT: "known address",
    Counted.DEVICE: "device",
    Counted.SESSION: "session",
}
_COUNT = """
    INSERT INTO sign_in_failures AS f (what, failures) VALUES ($1, 1)
    ON CONFLICT (what) DO UPDATE
        SET failures = CASE WHEN f.last_at < now() - $2::interval THEN 1 ELSE f.failures + 1 END, last_at = now()
    RETURNING failures
"""
_LESS = """
    UPDATE sign_in_failures SET failures = failures - 1, refused_until = now() WHERE what = $1 AND failures > 1
"""
_PAUSE = "UPDATE sign_in_failures SET refused_until = greatest(refused_until, now() + $2::interval) WHERE what = $1"


class PostgresSignInFailures:
    """Counts on one connection (ports.SignInFailures)."""

    def __init__(self, connection: Connection, secret: SecretStr) -> None:
        """`secret` keys the hashes of names."""
        self._connection = connection
        self._secret = secret

    async def refused_for(self, limits: Sequence[Limit]) -> timedelta | None:
        """See ports.SignInFailures.refused_for."""
        left: timedelta | None = await self._connection.fetchval(
            "SELECT max(refused_until) - now() FROM sign_in_failures WHERE what = ANY ($1) AND refused_until > now()",
            list(map(self._what, limits)),
        )
        return left

    async def count(self, limits: Sequence[Limit]) -> list[int]:
        """See ports.SignInFailures.count."""
        counted: dict[bytes, int] = {}
        whats = list(map(self._what, limits))
        for what in sorted(whats):  # a fixed order prevents deadlocks
            counted[what] = await self._connection.fetchval(_COUNT, what, FAILURES_KEPT)
        return [counted[what] for what in whats]

    async def take_back(self, limits: Sequence[Limit]) -> None:
        """See ports.SignInFailures.take_back."""
        for what in sorted(map(self._what, limits)):
            await self._connection.execute("DELETE FROM sign_in_failures WHERE what = $1 AND failures = 1", what)
            await self._connection.execute(_LESS, what)

    async def refuse_for(self, limit: Limit, pause: timedelta) -> None:
        """See ports.SignInFailures.refuse_for."""
        await self._connection.execute(_PAUSE, self._what(limit), pause)

    async def forget(self, limit: Limit) -> None:
        """See ports.SignInFailures.forget."""
        await self._connection.execute("DELETE FROM sign_in_failures WHERE what = $1", self._what(limit))

    def _what(self, limit: Limit) -> bytes:
        return hash_of(self._secret, "sign-in", _KINDS[limit.of], limit.name)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` counts without a failure since an instant. Returns their number."""
    tag: str = await connection.execute(
        """
        DELETE FROM sign_in_failures WHERE what IN (
            SELECT what FROM sign_in_failures WHERE last_at < $1 ORDER BY last_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)
