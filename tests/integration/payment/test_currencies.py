"""Currencies of every kind through Stripe and the books; and what Stripe keeps, which holds up no capture."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from prometheus_client import REGISTRY

from services.chassis.plain.currencies import CURRENCIES, Currency
from services.chassis.plain.money import Money
from services.payment.domain.orders import OrderNotPayable
from services.payment.domain.payments import Status
from services.payment.domain.refunds import RefundRefused
from services.payment.entrypoints.mapping import staff_message
from tests.integration.payment.lab import Lab

A_DAY = timedelta(days=1, hours=1)


def not_booked(why: str) -> float:
    return REGISTRY.get_sample_value("payment_fees_not_booked_total", {"why": why}) or 0


@pytest.mark.parametrize(
    ("currency", "minor", "amount", "at_stripe", "back", "back_at_stripe", "left"),
    [
        ("JPY", 1000, "1000", 1000, "250", 250, "750"),
        ("KWD", 1250, "1.250", 1250, "0.25", 250, "1.000"),
        ("ISK", 500, "500", 50_000, "120", 12_000, "380"),
        ("IDR", 14_395_200_000, "143952000.00", 14_395_200_000, "0.01", 1, "143951999.99"),
    ],
)
async def test_a_purchase_and_its_refunds_are_exact(
    lab: Lab, currency: str, minor: int, amount: str, at_stripe: int, back: str, back_at_stripe: int, left: str
) -> None:
    order = lab.orders.place(minor, currency)
    paid = await lab.pay(order, stated_amount=Decimal(amount), stated_currency=currency)
    assert (paid.status, paid.amount, paid.currency) == ("succeeded", amount, currency)
    counts = await lab.sandbox.counts(order_id=str(order.id))
    assert counts["amount_captured"] == at_stripe
    part = await lab.refund(paid.payment_id, amount=Decimal(back))
    assert (Decimal(part.amount), part.currency, part.status) == (Decimal(back), currency, "succeeded")
    assert (await lab.sandbox.counts(order_id=str(order.id)))["amount_refunded"] == back_at_stripe
    rest = await lab.refund(paid.payment_id)
    assert (rest.amount, (await lab.payment(paid.payment_id)).status) == (left, Status.REFUNDED)
    assert (await lab.sandbox.counts(order_id=str(order.id)))["amount_refunded"] == at_stripe
    booked = [(entry, figure) for entry, figure in await lab.ledger(order) if entry != "fee"]
    assert booked == [("capture", amount), ("refund", part.amount), ("refund", left)]


@pytest.mark.parametrize(
    ("currency", "minor", "back", "message"),
    [
        ("JPY", 1000, "1.5", "a whole amount of JPY"),
        ("KWD", 1250, "0.005", "a multiple of 0.010 KWD"),
        ("USD", 5998, "0.001", "at most two decimals"),
        ("USD", 5998, "0", "more than 0"),
    ],
)
async def test_a_refund_that_the_currency_does_not_have_changes_nothing(
    lab: Lab, currency: str, minor: int, back: str, message: str
) -> None:
    order = lab.orders.place(minor, currency)
    paid = await lab.pay(order)
    before = (await lab.payment(paid.payment_id), await lab.ledger(order))
    with pytest.raises(RefundRefused, match=message):
        await lab.refund(paid.payment_id, amount=Decimal(back), idempotency_key=f"k-{currency}-{back}")
    assert (await lab.payment(paid.payment_id), await lab.ledger(order)) == before
    assert await lab.refunds(paid.payment_id) == []
    # The key was not used up.
    assert (await lab.refund(paid.payment_id, idempotency_key=f"k-{currency}-{back}")).status == "succeeded"


@pytest.mark.parametrize(("currency", "minor"), [("USD", 49), ("KWD", 1255), ("XXX", 5998), ("USD", 10**12)])
async def test_an_order_that_cannot_be_charged_is_not_begun(lab: Lab, currency: str, minor: int) -> None:
    order = lab.orders.place(minor, currency)
    with pytest.raises(OrderNotPayable, match="a charge must be"):
        await lab.pay(order)
    assert await lab.payments_of(order) == []
    assert (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"] == {"total": 0}


async def test_a_fee_in_the_accounts_own_currency_fits(lab: Lab) -> None:
    await lab.sandbox.control(settlement_currency="idr", settlement_rate=16_000)
    order = lab.orders.place(899_700)
    paid = await lab.pay(order)
    assert paid.status == "succeeded"
    payment = await lab.payment(paid.payment_id)
    assert (payment.provider_fee, payment.net_amount) == (Money(417_460_830, "IDR"), Money(13_977_739_170, "IDR"))
    shown = staff_message(payment)
    assert (shown.amount, shown.currency) == ("8997.00", "USD")
    assert (shown.provider_fee, shown.net_amount, shown.settlement_currency) == ("4174608.30", "139777391.70", "IDR")
    assert await lab.ledger(order) == [("capture", "8997.00"), ("fee", "4174608.30")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_a_fee_that_cannot_be_read_holds_up_no_capture_and_is_filled_in_later(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.sandbox.control(settlement_currency="xxx", settlement_rate=2)
    before = not_booked("unreadable")
    order = lab.orders.place()
    paid = await lab.pay(order)
    payment = await lab.payment(paid.payment_id)
    assert (paid.status, payment.status, payment.provider_fee) == ("succeeded", Status.SUCCEEDED, None)
    assert await lab.ledger(order) == [("capture", "59.98")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert not_booked("unreadable") == before + 1

    known = {**CURRENCIES, "XXX": Currency("XXX", decimals=2, step=1, least=1, most=10**12)}
    monkeypatch.setattr("services.payment.adapters.stripe.mapping.CURRENCIES", known)
    await lab.reconcile(past=A_DAY)
    payment = await lab.payment(paid.payment_id)
    assert payment.provider_fee is not None
    assert (payment.provider_fee.currency, payment.check_at) == ("XXX", None)
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "3.78")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_a_fee_that_cannot_be_stored_holds_up_no_capture_and_is_filled_in_later(lab: Lab) -> None:
    await lab.sandbox.control(settlement_currency="sek", settlement_rate=10)
    await lab.postgres.execute("ALTER TABLE ledger_entries ADD CONSTRAINT no_crowns CHECK (currency <> 'SEK')")
    before = not_booked("unstorable")
    order = lab.orders.place()
    paid = await lab.pay(order)
    assert (paid.status, await lab.ledger(order)) == ("succeeded", [("capture", "59.98")])
    assert (await lab.payment(paid.payment_id)).provider_fee is None
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert not_booked("unstorable") == before + 1
    await lab.postgres.execute("ALTER TABLE ledger_entries DROP CONSTRAINT no_crowns")
    await lab.reconcile(past=A_DAY)
    fee = (await lab.payment(paid.payment_id)).provider_fee
    assert fee is not None
    assert fee.currency == "SEK"
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
