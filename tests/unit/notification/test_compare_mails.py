"""Mails compared with orders, with the ports in memory. tests/e2e/test_reconcile.py does it on the real stack."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.chassis.plain.comparison import examine, examine_all
from services.chassis.plain.money import Money
from services.notification.domain.messages import Kind, KnownOrder, NewMessage, OrderSummary, Status, why_cancelled
from services.notification.use_cases.compare_mails import (
    MAIL_MISSING,
    MAIL_NOT_SENT,
    MAIL_SENT_TWICE,
    PATIENCE,
    SENT_TWICE_FOR,
    CompareMails,
)
from services.notification.use_cases.write_message import WriteMessage, WriteMessageHandler
from tests.unit.chassis.fakes import FakeWork
from tests.unit.notification.fakes import NOW, FakeNotification, FakeOrders, Row

HOUR = timedelta(hours=1)
ADA = uuid4()


class Office:
    """The comparison on messages in memory. Ada's address is known."""

    def __init__(self) -> None:
        self.unit = FakeNotification()
        self.unit.recipients.addresses[ADA] = "ada@example.com", "Ada"
        self.orders = FakeOrders()
        self.work = FakeWork(self.unit)
        self.mails = CompareMails(self.work, self.orders, HOUR, lambda: NOW)

    async def order(self, status: str, age: timedelta = 2 * HOUR, reason: str = "by_owner") -> UUID:
        order_id = uuid4()
        await self.unit.orders.keep(order_id, OrderSummary((), Money(100, "USD")))
        self.orders.known[order_id] = KnownOrder(ADA, status, NOW - age, uuid4(), reason)
        return order_id

    def mail(self, order_id: UUID, kind: Kind, status: Status, age: timedelta = timedelta(), user: UUID = ADA) -> Row:
        row = Row(NewMessage(uuid4(), user, kind, order_id), status, created_at=NOW - age)
        self.unit.messages.rows.append(row)
        return row

    async def found(self, *, mend: bool = False) -> list[tuple[str, str, bool]]:
        found = [one async for one in examine_all(self.mails, limit=1, mend=mend)]
        return [(one.drift.kind, one.drift.subject, one.mended) for one in found]


async def test_orders_with_the_mail_of_their_status() -> None:
    office = Office()
    await office.order("pending")
    await office.order("delivered")
    office.mail(await office.order("confirmed"), Kind.ORDER_CONFIRMED, Status.SENT)
    office.mail(await office.order("cancelled"), Kind.ORDER_CANCELLED, Status.DROPPED)
    office.mail(await office.order("shipped"), Kind.ORDER_SHIPPED, Status.PENDING)
    assert await office.found() == []


async def test_a_mail_that_is_missing_is_written_once() -> None:
    office = Office()
    order_id = await office.order("cancelled", reason="unpaid")
    assert await office.found(mend=True) == [(MAIL_MISSING, str(order_id), True)]
    (row,) = office.unit.messages.rows
    assert (row.new.kind, row.new.user_id, row.status) == (Kind.ORDER_CANCELLED, ADA, Status.PENDING)
    assert row.new.data == {"why": why_cancelled("unpaid")}
    assert await office.found(mend=True) == []
    # The event comes after all.
    await WriteMessageHandler(office.work)(WriteMessage(row.new))
    assert len(office.unit.messages.rows) == 1


async def test_a_missing_mail_of_an_order_that_moved_on_is_not_written() -> None:
    office = Office()
    order_id = await office.order("confirmed")
    (finding,) = await examine(office.mails, [str(order_id)], mend=False)
    office.orders.known[order_id] = KnownOrder(ADA, "delivered", NOW, uuid4(), "by_staff")
    await office.mails.mend(finding.drift)
    del office.orders.known[order_id]
    await office.mails.mend(finding.drift)
    assert office.unit.messages.rows == []


async def test_an_order_that_has_just_moved_is_not_compared() -> None:
    office = Office()
    await office.order("confirmed", age=HOUR / 2)
    assert await office.found() == []


async def test_a_mail_that_waits_for_too_long_is_due_at_once() -> None:
    office = Office()
    order_id = await office.order("confirmed")
    row = office.mail(order_id, Kind.ORDER_CONFIRMED, Status.PENDING, PATIENCE * 2)
    row.pause = timedelta(days=365)
    assert await office.mails.of_order(order_id) == [str(order_id)]
    assert await office.found(mend=True) == [(MAIL_NOT_SENT, str(order_id), True)]
    assert not row.pause


async def test_a_mail_whose_reader_has_no_address_yet_may_wait() -> None:
    office = Office()
    office.mail(await office.order("confirmed"), Kind.ORDER_CONFIRMED, Status.PENDING, PATIENCE * 2, user=uuid4())
    assert await office.found() == []


@pytest.mark.parametrize(
    ("kind", "age", "is_found"),
    [
        (Kind.ORDER_CONFIRMED, timedelta(), True),
        (Kind.ORDER_CONFIRMED, SENT_TWICE_FOR + HOUR, False),
        (Kind.PAYMENT_REFUNDED, timedelta(), False),
    ],
)
async def test_a_mail_that_was_sent_twice_is_listed(kind: Kind, age: timedelta, is_found: bool) -> None:
    office = Office()
    order_id = await office.order("pending")
    for _ in range(2):
        office.mail(order_id, kind, Status.SENT, age)
    assert await office.found(mend=True) == ([(MAIL_SENT_TWICE, str(order_id), False)] if is_found else [])
