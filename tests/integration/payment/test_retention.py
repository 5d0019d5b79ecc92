"""What is forgotten after its time: webhooks; orders without payment, unless a payment still needs them to be known."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from services.chassis.data.housekeeping import Housekeeping
from services.payment.domain.notices import Notice, Topic
from services.payment.domain.orders import Order, OrderNotPayable
from services.payment.domain.payments import Status
from services.payment.entrypoints.workers import chores
from services.payment.settings import PaymentSettings
from tests.integration.payment.lab import CHALLENGED, DECLINED, Lab

SETTINGS = cast(PaymentSettings, SimpleNamespace(keep_cancelled_orders_days=180))


async def keep_house(lab: Lab, *ended: Order, days: int) -> list[Order]:
    """Which of these are remembered once they ended so many days ago."""
    ids = [order.id for order in ended]
    await lab.postgres.execute(
        "UPDATE cancelled_orders SET ended_at = now() - $2::interval WHERE order_id = ANY ($1)",
        ids,
        timedelta(days=days),
    )
    await Housekeeping(lab.postgres, *chores(SETTINGS), batch=2).once()
    rows = await lab.postgres.fetch("SELECT order_id FROM cancelled_orders WHERE order_id = ANY ($1)", ids)
    left = {row["order_id"] for row in rows}
    return [order for order in ended if order.id in left]


async def test_an_ended_order_is_forgotten_unless_a_payment_of_it_is_open_or_holds_money(lab: Lab) -> None:
    unpaid, declined, paid, open_ = (lab.orders.place() for _ in range(4))
    await lab.pay(declined, DECLINED)
    await lab.pay(paid)
    await lab.pay(open_, CHALLENGED)
    all_of_them = (unpaid, declined, paid, open_)
    for order in all_of_them:
        await lab.end_order(order)  # and nothing is given back or closed yet
    assert await keep_house(lab, *all_of_them, days=179) == [*all_of_them]
    assert await keep_house(lab, *all_of_them, days=181) == [paid, open_]
    await lab.reconcile()
    statuses = [(await lab.only_payment_of(order)).status for order in (declined, paid, open_)]
    assert statuses == [Status.FAILED, Status.REFUNDED, Status.CANCELLED]
    assert await keep_house(lab, *all_of_them, days=181) == []


async def test_events_and_requests_repeated_after_retention_do_no_harm(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.end_order(order)
    lab.orders.move(order, "cancelled")
    assert await keep_house(lab, order, days=181) == []
    with pytest.raises(OrderNotPayable):
        await lab.pay(order)
    assert await lab.payments_of(order) == []
    await lab.end_order(order)
    with pytest.raises(OrderNotPayable):
        await lab.pay(order)


async def test_webhooks_are_remembered_for_a_month(lab: Lab) -> None:
    old, new, payment_id = f"evt_{uuid4()}", f"evt_{uuid4()}", uuid4()
    async with lab.work.begin() as unit:
        await unit.notices.processed(Notice("stripe", old, "t", Topic.CHARGE), payment_id)
        await unit.notices.processed(Notice("stripe", old, "t", Topic.CHARGE), payment_id)
        await unit.connection.execute("UPDATE processed_webhook_events SET received_at = now() - interval '31 days'")
        await unit.notices.processed(Notice("stripe", new, "t", Topic.CHARGE), payment_id)
        assert await unit.notices.was_processed(Notice("stripe", old, "t", Topic.CHARGE))
    await Housekeeping(lab.postgres, *chores(SETTINGS)).once()
    async with lab.work.read() as unit:
        assert not await unit.notices.was_processed(Notice("stripe", old, "t", Topic.CHARGE))
        assert await unit.notices.was_processed(Notice("stripe", new, "t", Topic.CHARGE))
