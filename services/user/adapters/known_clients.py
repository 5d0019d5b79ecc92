"""Client addresses from which users have signed in, in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from pydantic import SecretStr

from services.chassis.data.postgres import Connection, affected
from services.user.adapters.counts import hash_of
from services.user.domain.limits import CLIENTS_KEPT, network_of


class PostgresKnownClients:
    """Known clients on one connection (ports.KnownClients)."""

    def __init__(self, connection: Connection, secret: SecretStr) -> None:
        """`secret` keys the hashes of accounts and addresses."""
        self._connection = connection
        self._secret = secret

    async def knows(self, account_id: UUID, address: IPv4Address | IPv6Address) -> bool:
        """See ports.KnownClients.knows."""
        found = await self._connection.fetchval(
            "SELECT true FROM known_clients WHERE what = $1 AND seen_at > now() - $2::interval",
            self._what(account_id, address),
            CLIENTS_KEPT,
        )
        return found is True

    async def remember(self, account_id: UUID, address: IPv4Address | IPv6Address) -> None:
        """See ports.KnownClients.remember."""
        await self._connection.execute(
            "INSERT INTO known_clients (what, user_id) VALUES ($1, $2) ON CONFLICT (what) DO UPDATE SET seen_at = now()"
            " WHERE known_clients.seen_at < now() - interval '1 day'",
            self._what(account_id, address),
            account_id,
        )

    def _what(self, account_id: UUID, address: IPv4Address | IPv6Address) -> bytes:
        return hash_of(self._secret, "known client", str(account_id), network_of(address))


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` clients that have not signed in since an instant. Returns their number."""
    tag: str = await connection.execute(
        "DELETE FROM known_clients WHERE what IN ("
        " SELECT what FROM known_clients WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)",
        before,
        limit,
    )
    return affected(tag)
