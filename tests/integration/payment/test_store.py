"""What the database itself holds us to, and the store's queries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.chassis.plain import clock, ids
from services.chassis.plain.money import Money
from services.payment.domain.charges import Refusal
from services.payment.domain.giving_back import give_back
from services.payment.domain.ledger import Entry, LedgerLine
from services.payment.domain.payments import (
    OrderPaymentState,
    Payment,
    PaymentInProgress,
    PaymentNotFound,
    Status,
    begin,
)
from services.payment.domain.refunds import RefundStatus
from services.payment.ports import NotStorable
from services.payment.use_cases.get_payment import GetPayment
from services.payment.use_cases.list_payments import ListPayments
from tests.integration.payment.lab import CHALLENGED, RETURN_URL, Lab


def a_payment(lab: Lab) -> Payment:
    return begin(
        lab.orders.place(),
        payment_id=ids.new_id(),
        provider="stripe",
        payment_method="pm_card_visa",
        customer_id=None,
        return_url=RETURN_URL,
        idempotency_key=None,
        now=clock.now(),
        takes_at_most=timedelta(seconds=70),
    )


async def stored(lab: Lab, payment: Payment) -> Payment:
    async with lab.work.begin() as unit:
        await unit.payments.add(payment, "web-app")
    return payment


async def test_a_payment_reads_back_as_it_was_written(lab: Lab) -> None:
    begun = await stored(lab, replace(a_payment(lab), customer_id="cus_1", idempotency_key="k"))
    assert await lab.payment(begun.id) == begun
    now = clock.now()
    moved = replace(
        begun,
        status=Status.PARTIALLY_REFUNDED,
        provider_reference=f"pi_{begun.id}",
        error_code="a",
        decline_code="b",
        refusal=Refusal.AMOUNT,
        provider_fee=Money(204, "EUR"),
        net_amount=Money(-5, "EUR"),
        challenge_ends_at=now,
        processed_at=now,
        late=True,
        close_charge=True,
        check_at=now,
        checks=3,
    )
    async with lab.work.begin() as unit:
        await unit.payments.save(moved)
    assert await lab.payment(begun.id) == moved


async def test_a_refund_reads_back_as_it_was_written(lab: Lab) -> None:
    payment = await stored(lab, replace(a_payment(lab)))
    owing = replace(payment, status=Status.SUCCEEDED, give_back=True)
    refund = give_back(owing, [], refund_id=ids.new_id(), now=clock.now()).refund
    assert refund is not None
    async with lab.work.begin() as unit:
        await unit.refunds.add(refund)
        assert await unit.refunds.of_payment(payment.id) == [refund]
        moved = replace(
            refund,
            status=RefundStatus.FAILED,
            provider_reference=f"re_{refund.id}",
            check_at=None,
            checks=2,
            processed_at=clock.now(),
        )
        await unit.refunds.save(moved)
        assert await unit.refunds.of_payment(payment.id) == [moved]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = 0",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "TRUNCATE payments CASCADE",
    ],
)
async def test_the_ledger_is_append_only(lab: Lab, statement: str) -> None:
    order = lab.orders.place()
    await lab.pay(order)
    with pytest.raises(asyncpg.RestrictViolationError):
        await lab.postgres.execute(statement)
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]


async def test_the_same_line_cannot_be_booked_twice(lab: Lab) -> None:
    payment = await stored(lab, a_payment(lab))
    line = LedgerLine(Entry.CAPTURE, Money(5998, "USD"), "stripe", f"ch_{payment.id}")
    with pytest.raises(NotStorable) as refused:
        async with lab.work.begin() as unit:
            await unit.ledger.add(payment.id, [line, line])
    assert isinstance(refused.value.__cause__, asyncpg.UniqueViolationError)


async def test_the_database_knows_one_live_or_paid_payment_an_order(lab: Lab) -> None:
    first = await stored(lab, a_payment(lab))
    with pytest.raises(PaymentInProgress) as refused:
        await stored(lab, replace(first, id=ids.new_id()))
    assert isinstance(refused.value.__cause__, asyncpg.UniqueViolationError)
    async with lab.work.begin() as unit:
        await unit.payments.save(replace(first, status=Status.FAILED))
    await stored(lab, replace(first, id=ids.new_id()))


@pytest.mark.parametrize("amount", ["0", "-1", "1000000000000", "1.2345", "'NaN'", "'Infinity'"])
async def test_the_database_takes_no_amount_that_is_none(lab: Lab, amount: str) -> None:
    payment = await stored(lab, a_payment(lab))
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.NumericValueOutOfRangeError)):
        await lab.postgres.execute(f"UPDATE payments SET amount = {amount} WHERE id = $1", payment.id)


async def test_refunds_are_found_by_their_status(lab: Lab) -> None:
    async with lab.postgres.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN SELECT id FROM refunds WHERE status = 'failed'")
    assert "refunds_status" in "\n".join(row[0] for row in plan)


async def test_updated_at_moves_by_itself(lab: Lab) -> None:
    payment = await stored(lab, a_payment(lab))
    before = await lab.postgres.fetchval("SELECT updated_at FROM payments WHERE id = $1", payment.id)
    await lab.postgres.execute("UPDATE payments SET checks = 1 WHERE id = $1", payment.id)
    assert await lab.postgres.fetchval("SELECT updated_at FROM payments WHERE id = $1", payment.id) > before


async def test_what_is_taken_is_taken_once_until_the_lease_ends(lab: Lab) -> None:
    now, lease = clock.now(), timedelta(seconds=20)
    for _ in range(10):
        await stored(lab, replace(a_payment(lab), check_at=now))

    async def take() -> list[Payment]:
        async with lab.work.begin() as unit:
            return await unit.payments.take_due(now, lease, 3, ["stripe"])

    taken = [payment for batch in await asyncio.gather(*(take() for _ in range(6))) for payment in batch]
    assert len(taken) == len({payment.id for payment in taken}) == 10
    assert {(payment.check_at, payment.checks) for payment in taken} == {(now + lease, 1)}
    async with lab.work.begin() as unit:
        assert await unit.payments.take_due(now + lease - timedelta(seconds=1), lease, 100, ["stripe"]) == []
        assert len(await unit.payments.take_due(now + lease, lease, 100, ["stripe"])) == 10


async def test_putting_off_does_not_undo_what_has_happened_since(lab: Lab) -> None:
    payment = await stored(lab, replace(a_payment(lab), check_at=clock.now()))
    async with lab.work.begin() as unit:
        (taken,) = await unit.payments.take_due(clock.now(), timedelta(seconds=20), 1, ["stripe"])
    assert taken.check_at is not None
    lab.orders.all[payment.order_id] = replace(lab.orders.place(), id=payment.order_id)
    await lab.end_order(lab.orders.all[payment.order_id])
    due = (await lab.payment(payment.id)).check_at
    async with lab.work.read() as unit:
        await unit.payments.put_off(replace(taken, check_at=clock.now() + timedelta(hours=1)), taken.check_at)
    assert (await lab.payment(payment.id)).check_at == due


async def test_nobody_is_asked_again_for_what_is_to_be_closed(lab: Lab) -> None:
    payment = await stored(lab, a_payment(lab))
    async with lab.work.read() as unit:
        assert await unit.payments.begin_asking(payment, clock.now())
        await unit.payments.save(replace(payment, close_charge=True))
        assert not await unit.payments.begin_asking(payment, clock.now())
        await unit.payments.save(replace(payment, provider_reference=f"pi_{payment.id}"))
        assert not await unit.payments.begin_asking(payment, clock.now())


async def test_lists_are_ones_own_newest_first_a_page_at_a_time(lab: Lab) -> None:
    me = uuid4()
    paid = []
    for _ in range(5):
        order = replace(lab.orders.place(), user_id=me)
        lab.orders.all[order.id] = order
        paid.append((await lab.pay(order)).payment_id)
    await lab.pay(lab.orders.place())
    first, token = await lab.list_payments(ListPayments(me, is_staff=False, order_id=None, before=None, size=3))
    second, end = await lab.list_payments(ListPayments(me, is_staff=False, order_id=None, before=token, size=3))
    assert [str(payment.id) for payment in first + second] == paid[::-1]
    assert (len(first), end) == (3, None)
    exact, none = await lab.list_payments(ListPayments(me, is_staff=False, order_id=None, before=None, size=5))
    assert (len(exact), none) == (5, None)


async def test_an_orders_payments_are_for_its_owner_and_for_staff(lab: Lab) -> None:
    order, other = lab.orders.place(), uuid4()
    paid = await lab.pay(order)
    (payment,) = await lab.payments_of(order)

    async def seen_by(user: object, *, is_staff: bool) -> list[str]:
        page, _ = await lab.list_payments(ListPayments(user, is_staff=is_staff, order_id=order.id, before=None, size=9))  # type: ignore[arg-type]
        return [str(one.id) for one in page]

    assert await seen_by(order.user_id, is_staff=False) == [paid.payment_id]
    assert await seen_by(other, is_staff=True) == [paid.payment_id]
    assert await seen_by(other, is_staff=False) == []
    assert (await lab.list_payments(ListPayments(other, is_staff=True, order_id=None, before=None, size=9))) == (
        [],
        None,
    )
    assert await lab.get_payment(GetPayment(payment.id, order.user_id, is_staff=False)) == payment
    assert await lab.get_payment(GetPayment(payment.id, other, is_staff=True)) == payment
    for wrong in (payment.id, other):
        with pytest.raises(PaymentNotFound):
            await lab.get_payment(GetPayment(wrong, other, is_staff=False))
    with pytest.raises(PaymentNotFound):
        await lab.confirm(payment.id, other)


async def test_how_far_the_payment_of_an_order_is(lab: Lab) -> None:
    order = lab.orders.place()
    assert await lab.look_up(order.id) is OrderPaymentState.NONE
    await lab.pay(order, CHALLENGED)
    assert await lab.look_up(order.id) is OrderPaymentState.LIVE
    await lab.reconcile(past=timedelta(minutes=16))
    assert await lab.look_up(order.id) is OrderPaymentState.NONE


async def test_every_query_has_an_index(lab: Lab) -> None:
    one = f"'{uuid4()}'"
    queries = {
        "payments_order": f"SELECT * FROM payments WHERE order_id = {one} ORDER BY id DESC",
        "payments_user": f"SELECT * FROM payments WHERE user_id = {one} ORDER BY id DESC LIMIT 20",
        "payments_to_check": "SELECT id FROM payments WHERE check_at <= now() ORDER BY check_at LIMIT 20",
        "refunds_of_payment": f"SELECT * FROM refunds WHERE payment_id = {one} AND id < {one} ORDER BY id DESC",
        "refunds_to_check": "SELECT id FROM refunds WHERE check_at <= now() ORDER BY check_at LIMIT 20",
        "ledger_entries_payment": f"SELECT * FROM ledger_entries WHERE payment_id = {one}",
    }
    async with lab.postgres.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        for index, query in queries.items():
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}"))
            assert index in plan, plan
