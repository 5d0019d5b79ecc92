"""Compares payments with the ledger and with their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from services.chassis import clock
from services.chassis.comparison import Drift, Page
from services.chassis.money import Money
from services.chassis.postgres import Postgres
from services.payment import store
from services.payment.domain import Payment, Status
from services.payment.orders import KnownOrder, Orders
from services.payment.recorder import Recorder
from services.payment.use_cases.end_order import EndOrder

LEDGER_DIFFERS = "ledger_differs"
PAYMENT_UNATTENDED = "payment_unattended"
AMOUNT_DIFFERS = "payment_amount_differs"
PAID_NOT_CONFIRMED = "paid_not_confirmed"
CANCELLED_HOLDS_MONEY = "cancelled_holds_money"
ORDER_UNKNOWN = "paid_order_unknown"


@dataclass(frozen=True)
class ComparePayments:
    """Subjects are payments, in the order of their ids, which is that of time."""

    postgres: Postgres
    orders: Orders
    recorder: Recorder
    settled: timedelta

    name = "payments"
    kinds: Sequence[str] = (
        LEDGER_DIFFERS,
        PAYMENT_UNATTENDED,
        AMOUNT_DIFFERS,
        PAID_NOT_CONFIRMED,
        CANCELLED_HOLDS_MONEY,
        ORDER_UNKNOWN,
    )

    async def page(self, place: str, limit: int) -> Page:
        """The next payments."""
        rows = await self.postgres.fetch(
            "SELECT id FROM payments WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2",
            UUID(place) if place else None,
            limit,
        )
        subjects = [str(row["id"]) for row in rows]
        return Page(subjects, subjects[-1] if len(subjects) == limit else "")

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order's payments."""
        async with self.postgres.connection() as connection:
            return [str(payment.id) for payment in await store.payments_of_order(connection, order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the order service is away."""
        async with self.postgres.connection() as connection:
            found = await store.compared(connection, [UUID(one) for one in subjects], self.settled)
        known = await self.orders.look_up_many({one.payment.order_id for one in found})
        return [
            drift
            for one in found
            for drift in (
                *_with_ledger(one),
                *_attended(one.payment),
                *self._with_order(one.payment, known.get(one.payment.order_id)),
            )
        ]

    async def mend(self, drift: Drift) -> None:
        """Repair it in the way in which the service would have done it at the time."""
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, UUID(drift.subject))
        if payment is None:
            return
        match drift.kind:
            case "paid_not_confirmed":
                await self.recorder.confirm_again(payment)
            case "cancelled_holds_money":
                async with self.postgres.transaction("payment.end_order_again") as connection:
                    await EndOrder(self.recorder)(connection, payment.order_id)
            case "payment_unattended":
                async with self.postgres.connection() as connection:
                    await store.attend(connection, payment.id, clock.now())
        self.recorder.work.set()

    def _with_order(self, payment: Payment, known: KnownOrder | None) -> list[Drift]:
        subject, ours = str(payment.id), f"payment of {_amount(payment)} is {payment.status}"
        if known is None:
            holds = payment.counts_as_payment and payment.is_paid
            return [Drift(ORDER_UNKNOWN, subject, ours, f"there is no order {payment.order_id}")] if holds else []
        order = known.order
        theirs = f"order {order.id} is {order.status}"
        drifts = []
        if (payment.amount_minor, payment.currency) != (order.total_minor, order.currency):
            drifts.append(Drift(AMOUNT_DIFFERS, subject, ours, f"order {order.id} costs {order.total}"))
        if known.updated_at > clock.now() - self.settled:
            return drifts
        pays = payment.is_paid and payment.counts_as_payment and not payment.give_back
        if order.status == "pending" and pays:
            drifts.append(Drift(PAID_NOT_CONFIRMED, subject, ours, theirs, "PAYMENT_CONFIRMED is published again"))
        if order.status == "cancelled" and _is_kept(payment):
            drifts.append(Drift(CANCELLED_HOLDS_MONEY, subject, ours, theirs, "it is closed, or given back"))
        return drifts


def _with_ledger(one: store.Compared) -> list[Drift]:
    payment = one.payment
    held = Decimal()
    if payment.is_paid:
        held = Money(payment.amount_minor, payment.currency).decimal - one.refunded
    if one.booked == held and (payment.status is not Status.REFUNDED or held == 0):
        return []
    ours = f"payment is {payment.status}, {one.refunded:f} of {_amount(payment)} refunded: holds {held:f}"
    return [Drift(LEDGER_DIFFERS, str(payment.id), ours, f"the ledger comes to {one.booked:f}")]


def _attended(payment: Payment) -> list[Drift]:
    """Whoever is not done must be looked after at some time. Payments that are stranded have an alert of their own."""
    open_still = payment.is_live or payment.close_intent or payment.owes
    if payment.check_at is not None or payment.stranded is not None or not open_still:
        return []
    ours = f"payment of {_amount(payment)} is {payment.status}"
    return [Drift(PAYMENT_UNATTENDED, str(payment.id), ours, "nothing looks after it", "it is looked after at once")]


def _is_kept(payment: Payment) -> bool:
    """Whether nothing was begun to close it or to give its money back."""
    if payment.stranded is not None or payment.given_back_otherwise is not None:
        return False
    holds = payment.is_paid and payment.status is not Status.REFUNDED and not payment.give_back
    return holds or (payment.is_live and not payment.close_intent)


def _amount(payment: Payment) -> Money:
    return Money(payment.amount_minor, payment.currency)
