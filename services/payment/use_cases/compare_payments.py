"""Compare payments with the books and with their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.chassis.plain import clock
from services.chassis.plain.comparison import Drift, Page
from services.chassis.plain.money import Money
from services.payment.domain.orders import KnownOrder
from services.payment.domain.outcomes import confirmed
from services.payment.domain.payments import Compared, Payment, Status
from services.payment.ports import Orders, Work
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler

LEDGER_DIFFERS = "ledger_differs"
PAYMENT_UNATTENDED = "payment_unattended"
AMOUNT_DIFFERS = "payment_amount_differs"
PAID_NOT_CONFIRMED = "paid_not_confirmed"
CANCELLED_HOLDS_MONEY = "cancelled_holds_money"
ORDER_UNKNOWN = "paid_order_unknown"


@dataclass(frozen=True)
class ComparePayments:
    """Subjects are payments. What differs is repaired as the service would have done it at the time."""

    work: Work
    orders: Orders
    apply: ApplyOrderStatusHandler
    settled: timedelta
    """What has changed within this time is not compared."""

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
        """The next payments, by their ids."""
        async with self.work.read() as unit:
            subjects = [str(one) for one in await unit.payments.after(UUID(place) if place else None, limit)]
        return Page.of(subjects, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order's payments."""
        async with self.work.read() as unit:
            return [str(payment.id) for payment in await unit.payments.of_order(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store or the order service is away."""
        async with self.work.read() as unit:
            found = await unit.payments.compared([UUID(one) for one in subjects], self.settled)
        known = await self.orders.look_up_many({one.payment.order_id for one in found})
        return [
            drift
            for one in found
            for drift in (
                *_with_books(one),
                *_unattended(one.payment),
                *self._with_order(one.payment, known.get(one.payment.order_id)),
            )
        ]

    async def mend(self, drift: Drift) -> None:
        """Confirms the order again, ends it again, or makes the payment due."""
        async with self.work.read() as unit:
            payment = await unit.payments.find(UUID(drift.subject))
        if payment is None:
            return
        if drift.kind == PAID_NOT_CONFIRMED:
            await self._confirm_again(payment)
        elif drift.kind == CANCELLED_HOLDS_MONEY:
            async with self.work.begin("payment.end_order_again") as unit:
                await self.apply.within(unit, payment.order_id)
        elif drift.kind == PAYMENT_UNATTENDED:
            async with self.work.read() as unit:  # one guarded statement needs no transaction
                await unit.payments.attend(payment.id, clock.now())
        self.apply.recorder.due.set()

    async def _confirm_again(self, payment: Payment) -> None:
        """Publishes the fact of a payment that still pays for its order. It confirms the order once."""
        async with self.work.begin("payment.confirm_again") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            if current.pays_for_order:
                await unit.publish_again(confirmed(current))

    def _with_order(self, payment: Payment, known: KnownOrder | None) -> list[Drift]:
        subject, ours = str(payment.id), f"payment of {payment.amount} is {payment.status}"
        if known is None:
            holds = payment.counts_as_payment and payment.is_paid
            return [Drift(ORDER_UNKNOWN, subject, ours, f"there is no order {payment.order_id}")] if holds else []
        order = known.order
        theirs = f"order {order.id} is {order.status}"
        drifts = []
        if payment.amount != order.total:
            drifts.append(Drift(AMOUNT_DIFFERS, subject, ours, f"order {order.id} costs {order.total}"))
        if known.updated_at > clock.now() - self.settled:
            return drifts
        if order.status == "pending" and payment.pays_for_order:
            drifts.append(Drift(PAID_NOT_CONFIRMED, subject, ours, theirs, "PAYMENT_CONFIRMED is published again"))
        if order.status == "cancelled" and _is_kept(payment):
            drifts.append(Drift(CANCELLED_HOLDS_MONEY, subject, ours, theirs, "it is closed, or given back"))
        return drifts


def _with_books(one: Compared) -> list[Drift]:
    payment = one.payment
    held = Money(payment.amount.minor - one.refunded.minor if payment.is_paid else 0, payment.amount.currency)
    if one.booked == held and (payment.status is not Status.REFUNDED or held.minor == 0):
        return []
    refunded = f"{one.refunded.text} of {payment.amount} refunded"
    ours = f"payment is {payment.status}, {refunded}: holds {held.text}"
    return [Drift(LEDGER_DIFFERS, str(payment.id), ours, f"the ledger comes to {one.booked.text}")]


def _unattended(payment: Payment) -> list[Drift]:
    """A payment that is not done must be due some time. Stranded payments have an alert of their own."""
    open_still = payment.is_live or payment.close_charge or payment.owes
    if payment.check_at is not None or payment.stranded is not None or not open_still:
        return []
    ours = f"payment of {payment.amount} is {payment.status}"
    return [Drift(PAYMENT_UNATTENDED, str(payment.id), ours, "nothing looks after it", "it is looked after at once")]


def _is_kept(payment: Payment) -> bool:
    """Whether nothing was begun to close it or to give its money back."""
    if payment.stranded is not None or payment.given_back_otherwise is not None:
        return False
    holds = payment.is_paid and payment.status is not Status.REFUNDED and not payment.give_back
    return holds or (payment.is_live and not payment.close_charge)
