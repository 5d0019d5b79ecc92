"""Failed sign-ins slow down: whoever guesses one account's password, or many accounts' from one address, has to wait.

Durable and shared by all replicas. An address that nobody has is treated like any other, so that nobody learns which is
which. As many guesses as are being compared at one moment may slip through before the first of them is counted.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from services.chassis.errors import ResourceExhausted
from services.chassis.postgres import Connection, Postgres, affected
from services.user.domain import pause_after
from services.user.sessions import Client

FREE_FOR_AN_ACCOUNT = 5
"""Failures with one account's address before the first pause."""
FREE_FOR_AN_ADDRESS = 100
"""Failures from one client address: many people may share one."""
KEEP = timedelta(minutes=15)
"""Without another failure for as long, all is forgotten."""


class TooManyFailures(ResourceExhausted):
    """Too many sign-ins failed lately, with this account or from this address."""

    default_message = "too many sign-ins have failed; try again later"


@dataclass(frozen=True)
class SignInFailures:
    """Counts failed sign-ins, and says who has to wait."""

    postgres: Postgres
    secret: SecretStr

    async def check(self, connection: Connection, address_key: str, client: Client) -> None:
        """Return when a sign-in may be tried now. Raises TooManyFailures, which says when."""
        left: timedelta | None = await connection.fetchval(
            "SELECT max(refused_until) - now() FROM sign_in_failures WHERE what = ANY ($1) AND refused_until > now()",
            list(self._limits(address_key, client)),
        )
        if left is not None:
            raise TooManyFailures(retry_after=left)

    async def count(self, address_key: str, client: Client) -> None:
        """One more failure."""
        for what, free in sorted(self._limits(address_key, client).items()):  # in one order: no two wait for each other
            async with self.postgres.transaction("user.count_failure") as connection:
                failures = await connection.fetchval(_COUNT, what, KEEP)
                await connection.execute(_PAUSE, what, pause_after(failures, free))

    async def forget(self, connection: Connection, address_key: str) -> None:
        """The right password: the account's failures are forgotten, those of the client's address are not."""
        await connection.execute("DELETE FROM sign_in_failures WHERE what = $1", self._hash("account", address_key))

    def _limits(self, address_key: str, client: Client) -> dict[bytes, int]:
        limits = {self._hash("account", address_key): FREE_FOR_AN_ACCOUNT}
        if client.ip_address is not None:
            limits[self._hash("address", str(client.ip_address))] = FREE_FOR_AN_ADDRESS
        return limits

    def _hash(self, kind: str, name: str) -> bytes:
        return hmac.digest(self.secret.get_secret_value().encode(), f"sign-in {kind} {name}".encode(), hashlib.sha256)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` rows without a failure since an instant; answers how many."""
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


_COUNT = """
    INSERT INTO sign_in_failures AS f (what, failures) VALUES ($1, 1)
    ON CONFLICT (what) DO UPDATE
        SET failures = CASE WHEN f.last_at < now() - $2::interval THEN 1 ELSE f.failures + 1 END, last_at = now()
    RETURNING failures
"""
_PAUSE = "UPDATE sign_in_failures SET refused_until = greatest(refused_until, now() + $2::interval) WHERE what = $1"
