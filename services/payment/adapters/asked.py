# ruff: noqa: S608 - what is put into the statements below is the name of the table
"""What payments and refunds have in common: the provider is asked about them, under a key, until it has answered."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from services.chassis.data.postgres import Connection
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import Refund

Asked = TypeVar("Asked", Payment, Refund)


class AskedRows(Generic[Asked]):
    """Rows of one table on one connection."""

    table: ClassVar[str]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put_off(self, asked: Asked, leased_until: datetime) -> None:
        """Writes when it is due next, unless it has changed since it was taken."""
        await self._connection.execute(
            f"UPDATE {self.table} SET check_at = $3 WHERE id = $1 AND check_at = $2",
            asked.id,
            leased_until,
            asked.check_at,
        )

    async def take_next_key(self, asked: Asked) -> bool:
        """Lets the provider be asked under another key from now on. False: another process has done so."""
        taken = await self._connection.fetchval(
            f"UPDATE {self.table} SET key_number = key_number + 1, server_errors = 0"
            " WHERE id = $1 AND key_number = $2 RETURNING true",
            asked.id,
            asked.key_number,
        )
        return taken is True

    async def count_server_error(self, asked: Asked) -> None:
        """Records that the provider's servers have failed under the key that it was asked with."""
        await self._connection.execute(
            f"UPDATE {self.table} SET server_errors = server_errors + 1 WHERE id = $1 AND key_number = $2",
            asked.id,
            asked.key_number,
        )
