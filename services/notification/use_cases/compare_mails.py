"""Compare mails about orders with the orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.plain.comparison import Drift, Page
from services.notification.domain.messages import KnownOrder, OrderMail, Status, kind_of_order_status, message_of_status
from services.notification.ports import Orders, Work

MAIL_MISSING = "mail_missing"
MAIL_NOT_SENT = "mail_not_sent"
MAIL_SENT_TWICE = "mail_sent_twice"

PATIENCE = timedelta(days=1)
"""A mail that can be sent was sent, or parked, long before: ten attempts take less than an hour."""
SENT_TWICE_FOR = timedelta(days=7)
"""For so long a mail that was sent twice is reported. Nobody can take it back; its cause is worth a look."""


@dataclass(frozen=True)
class CompareMails:
    """Subjects are orders. An order has the mail of its status, once."""

    work: Work
    orders: Orders
    settled: timedelta
    """What has changed within this time is not compared."""
    now: Callable[[], datetime]

    name = "mails"
    kinds: Sequence[str] = (MAIL_MISSING, MAIL_NOT_SENT, MAIL_SENT_TWICE)

    async def page(self, place: str, limit: int) -> Page:
        """The next orders."""
        async with self.work.read() as unit:
            subjects = [str(one) for one in await unit.orders.page(UUID(place) if place else None, limit)]
        return Page.of(subjects, limit)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The order itself."""
        return [str(order_id)]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises Unavailable while the store or the order service is away."""
        order_ids = [UUID(one) for one in subjects]
        known = await self.orders.look_up(order_ids)  # first: a mail is written after its order has moved
        async with self.work.read() as unit:
            mails = await unit.messages.of_orders(order_ids)
        return [
            drift
            for order_id in order_ids
            for drift in self._compare(order_id, known.get(order_id), [m for m in mails if m.order_id == order_id])
        ]

    async def mend(self, drift: Drift) -> None:
        """Write the mail as the order's event would have done it, or let it be tried at once."""
        order_id = UUID(drift.subject)
        if drift.kind == MAIL_NOT_SENT:
            async with self.work.begin("notification.make_due") as unit:
                await unit.messages.make_due(order_id, self.now() - PATIENCE)
            return
        order = (await self.orders.look_up([order_id])).get(order_id)
        message = (
            message_of_status(order.status_event_id, order.user_id, order_id, order.status, order.reason)
            if order is not None
            else None
        )
        if message is None:
            return
        async with self.work.begin("notification.write_again") as unit:
            await unit.messages.add(message)  # once an event: if the event comes later, its message is there

    def _compare(self, order_id: UUID, order: KnownOrder | None, mails: Sequence[OrderMail]) -> list[Drift]:
        subject, drifts = str(order_id), []
        if order is not None and self._is_missing(order, mails):
            theirs = f"the order is {order.status}"
            drifts.append(Drift(MAIL_MISSING, subject, "there is no mail about it", theirs, "the mail is written"))
        waiting = sorted({mail.type for mail in mails if self._waits_too_long(mail)})
        if waiting:
            ours = f"{', '.join(waiting)} waits for more than {PATIENCE.days} day"
            drifts.append(Drift(MAIL_NOT_SENT, subject, ours, "its reader has an address", "it is due at once"))
        sent = Counter(mail.type for mail in mails if self._was_sent_lately(mail))
        twice = sorted(type_ for type_, count in sent.items() if count > 1)
        if twice:
            drifts.append(Drift(MAIL_SENT_TWICE, subject, f"{', '.join(twice)} was sent twice", "it happened once"))
        return drifts

    def _is_missing(self, order: KnownOrder, mails: Sequence[OrderMail]) -> bool:
        kind = kind_of_order_status(order.status)
        is_settled = order.updated_at <= self.now() - self.settled
        return kind is not None and is_settled and all(mail.type != kind for mail in mails)

    def _waits_too_long(self, mail: OrderMail) -> bool:
        return mail.status is Status.PENDING and mail.is_addressed and mail.created_at < self.now() - PATIENCE

    def _was_sent_lately(self, mail: OrderMail) -> bool:
        """Of an order's status there is one mail; of refunds there may be many."""
        about_status = mail.type in {kind_of_order_status(status) for status in ("confirmed", "cancelled", "shipped")}
        return about_status and mail.sent_at is not None and mail.sent_at > self.now() - SENT_TWICE_FOR
