"""Changes of mail addresses in PostgreSQL."""

from __future__ import annotations

from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.user.domain.address_changes import ADDRESS_CHANGE_LIFE, AddressChange


class PostgresAddressChanges:
    """Changes on one connection (ports.AddressChanges)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, change: AddressChange) -> None:
        """See ports.AddressChanges.open."""
        await self.withdraw(change.account_id)
        await self._connection.execute(
            "INSERT INTO address_changes (undo_id, user_id, old_email, new_email) VALUES ($1, $2, $3, $4)",
            change.undo_id,
            change.account_id,
            change.old_email,
            change.new_email,
        )

    async def pending(self, account_id: UUID) -> AddressChange | None:
        """See ports.AddressChanges.pending."""
        row = await self._connection.fetchrow(
            "SELECT undo_id, user_id, old_email, new_email FROM address_changes"
            " WHERE user_id = $1 AND status = 'pending' AND created_at > now() - $2::interval",
            account_id,
            ADDRESS_CHANGE_LIFE,
        )
        return _change(row) if row else None

    async def of_undo(self, undo_id: UUID) -> AddressChange | None:
        """See ports.AddressChanges.of_undo."""
        row = await self._connection.fetchrow(
            "SELECT undo_id, user_id, old_email, new_email FROM address_changes WHERE undo_id = $1", undo_id
        )
        return _change(row) if row else None

    async def complete(self, undo_id: UUID) -> None:
        """See ports.AddressChanges.complete."""
        await self._connection.execute("UPDATE address_changes SET status = 'done' WHERE undo_id = $1", undo_id)

    async def withdraw(self, account_id: UUID) -> None:
        """See ports.AddressChanges.withdraw."""
        await self._connection.execute(
            "UPDATE address_changes SET status = 'withdrawn' WHERE user_id = $1 AND status = 'pending'", account_id
        )

    async def undo(self, change: AddressChange) -> None:
        """See ports.AddressChanges.undo."""
        await self._connection.execute(
            """
            WITH undone AS (
                UPDATE address_changes SET status = 'withdrawn'
                WHERE user_id = $1
                  AND created_at >= (SELECT created_at FROM address_changes WHERE undo_id = $2)
                RETURNING undo_id
            )
            UPDATE mail_requests SET settled = true WHERE id IN (SELECT undo_id FROM undone)
            """,
            change.account_id,
            change.undo_id,
        )

    async def is_left(self, address_key: str, by_others_than: UUID) -> bool:
        """See ports.AddressChanges.is_left."""
        found = await self._connection.fetchval(
            """
            SELECT true FROM address_changes c JOIN users u ON u.id = c.user_id
            WHERE lower(c.old_email COLLATE "C") = $1 AND c.status = 'done' AND c.created_at > now() - $2::interval
              AND c.user_id <> $3 AND u.account_status <> 'deleted' LIMIT 1
            """,
            address_key,
            ADDRESS_CHANGE_LIFE,
            by_others_than,
        )
        return found is True


def _change(row: Record) -> AddressChange:
    return AddressChange(row["undo_id"], row["user_id"], row["old_email"], row["new_email"])
