"""How many mails may be asked for: nobody fills a person's mailbox, or many people's.

Counted whoever has the address, so that nobody learns whether anybody has. Durable and shared by all replicas.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from pydantic import SecretStr

from services.chassis.errors import ResourceExhausted
from services.chassis.postgres import Connection, affected

FOR_AN_ACCOUNT = 5
"""Mails to one address in each window."""
FOR_A_CLIENT = 50
"""Mails asked for from one client address: many people may share one."""
WINDOW = timedelta(hours=1)


class TooManyMails(ResourceExhausted):
    """Too many mails were asked for lately, to this address or from that one."""

    default_message = "too many mails were asked for; look into the mailbox, or try again later"


@dataclass(frozen=True)
class MailLimits:
    """Counts the mails that are asked for."""

    secret: SecretStr

    async def count(
        self, connection: Connection, address_key: str, client_address: IPv4Address | IPv6Address | None
    ) -> None:
        """One more, in the transaction that asks for it. Raises TooManyMails, which says when to come back."""
        limits = {self._hash("account", address_key): FOR_AN_ACCOUNT}
        if client_address is not None:
            limits[self._hash("client", str(client_address))] = FOR_A_CLIENT
        for what, limit in sorted(limits.items()):  # in one order: no two wait for each other
            row = await connection.fetchrow(_COUNT, what, WINDOW)
            if row["asked"] > limit:
                raise TooManyMails(retry_after=row["ends_in"])

    def _hash(self, kind: str, name: str) -> bytes:
        return hmac.digest(self.secret.get_secret_value().encode(), f"mail {kind} {name}".encode(), hashlib.sha256)


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` windows that began before an instant; answers how many."""
    tag: str = await connection.execute(
        """
        DELETE FROM mail_asks WHERE what IN (SELECT what FROM mail_asks WHERE since < $1 ORDER BY since LIMIT $2)
        """,
        before,
        limit,
    )
    return affected(tag)


_COUNT = """
    INSERT INTO mail_asks AS m (what, asked) VALUES ($1, 1)
    ON CONFLICT (what) DO UPDATE
        SET asked = CASE WHEN m.since < now() - $2::interval THEN 1 ELSE m.asked + 1 END,
            since = CASE WHEN m.since < now() - $2::interval THEN now() ELSE m.since END
    RETURNING asked, since + $2::interval - now() AS ends_in
"""
