"""Counts of requested mails in PostgreSQL: durable, and shared by all replicas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import SecretStr

from services.chassis.data.postgres import Connection, affected
from services.user.adapters.counts import hash_of
from services.user.domain.limits import MAIL_WINDOW, Limit
from services.user.ports import Asked

_COUNT = """
    INSERT INTO mail_asks AS m (what, asked) VALUES ($1, 1)
    ON CONFLICT (what) DO UPDATE
        SET asked = CASE WHEN m.since < now() - $2::interval THEN 1 ELSE m.asked + 1 END,
            since = CASE WHEN m.since < now() - $2::interval THEN now() ELSE m.since END
    RETURNING asked, since + $2::interval - now() AS ends_in
"""


class PostgresMailAsks:
    """Counts on one connection (ports.MailAsks)."""

    def __init__(self, connection: Connection, secret: SecretStr) -> None:
        """`secret` keys the hashes of names."""
        self._connection = connection
        self._secret = secret

    async def count(self, limits: Sequence[Limit]) -> list[Asked]:
        """See ports.MailAsks.count."""
        counted: dict[bytes, Asked] = {}
        whats = [hash_of(self._secret, "mail", limit.of.value, limit.name) for limit in limits]
        for what in sorted(whats):  # a fixed order prevents deadlocks
            row = await self._connection.fetchrow(_COUNT, what, MAIL_WINDOW)
            counted[what] = Asked(row["asked"], row["ends_in"])
        return [counted[what] for what in whats]


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` windows that began before an instant. Returns their number."""
    tag: str = await connection.execute(
        """
        DELETE FROM mail_asks WHERE what IN (SELECT what FROM mail_asks WHERE since < $1 ORDER BY since LIMIT $2)
        """,
        before,
        limit,
    )
    return affected(tag)
