"""Show payments to those whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.payment import store
from services.payment.domain import Payment, Refund


class PaymentNotFound(Exception):
    """There is no such payment, or it is somebody else's: the two are told alike."""

    def __init__(self) -> None:
        super().__init__("payment not found")


@dataclass(frozen=True)
class ShowPayments:
    """Reads payments, one or a page of them."""

    postgres: Postgres

    async def one(self, payment_id: UUID, user_id: UUID, *, is_staff: bool) -> Payment:
        """A payment of one's own; staff see any. Raises PaymentNotFound."""
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, payment_id)
        if payment is None or not (is_staff or payment.user_id == user_id):
            raise PaymentNotFound
        return payment

    async def page(
        self, user_id: UUID, *, is_staff: bool, order_id: UUID | None, before: UUID | None, size: int
    ) -> tuple[list[Payment], UUID | None]:
        """One's own payments, newest first, and the id before which the next page begins; None on the last.

        With an order: those of this order; staff see all of it, whose ever it is.
        """
        owner = None if is_staff and order_id is not None else user_id
        async with self.postgres.connection() as connection:
            found = await store.page_of_payments(
                connection, user_id=owner, order_id=order_id, before=before, limit=size + 1
            )
        return found[:size], found[size - 1].id if len(found) > size else None

    async def refunds(self, payment_id: UUID, *, before: UUID | None, size: int) -> tuple[list[Refund], UUID | None]:
        """A payment's refunds, newest first, and the id before which the next page begins; None on the last.

        Raises:
            PaymentNotFound: there is no such payment.
        """
        async with self.postgres.connection() as connection:
            if await store.find_payment(connection, payment_id) is None:
                raise PaymentNotFound
            found = await store.page_of_refunds(connection, payment_id, before=before, limit=size + 1)
        return found[:size], found[size - 1].id if len(found) > size else None
