"""What a cancelled order holds goes back, however often that has to be tried; what cannot is a person's to settle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.charges import Refusal
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Stranded
from services.payment.domain.payments import Status as St
from services.payment.ports import Refused
from services.payment.use_cases.close_stranded import CloseStranded
from services.payment.use_cases.count_stranded import CountStrandedHandler
from services.payment.use_cases.retry_stranded import RetryStranded
from tests.integration.payment.lab import Lab
from tests.support.argosy import Answered, argosy

A_WHILE = timedelta(minutes=6)
HOURS = timedelta(hours=2)


async def paid(lab: Lab) -> tuple[Order, Payment]:
    order = lab.orders.place()
    payment = await lab.pay(order)
    return order, await lab.payment(payment.payment_id)


async def gone_back(lab: Lab, payment: Payment) -> int:
    return int((await lab.sandbox.counts(payment_id=str(payment.id)))["amount_refunded"])


async def bounced(lab: Lab) -> tuple[Order, Payment]:
    """A cancelled order whose refund the bank has sent back, of which we have heard."""
    order, payment = await paid(lab)
    await lab.sandbox.control(settlement_seconds=3600)
    await lab.end_order(order)
    await lab.reconcile()
    (refund,) = await lab.refunds(payment.id)
    await lab.sandbox.ask("POST", f"/_sandbox/refunds/{refund.provider_reference}/fail")
    await lab.webhook(await lab.sandbox.event("refund.failed", str(payment.provider_reference)))
    return order, await lab.payment(payment.id)


async def stranded_now(lab: Lab, payment: Payment) -> list[Stranded]:
    return [one.reason for one in await lab.stranded() if one.id == payment.id]


async def test_a_partial_refund_without_a_webhook_does_not_block_the_rest(lab: Lab) -> None:
    """Stripe refuses all of it as too much; what is left by then is given back at once."""
    order, payment = await paid(lab)
    await lab.sandbox.refund_by_hand(str(payment.provider_reference), 1000)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(payment.id)).status is St.REFUNDED
    assert await gone_back(lab, payment) == 5998
    assert (await lab.ledger(order))[2:] == [("refund", "10.00"), ("refund", "49.98")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 2}
    assert await stranded_now(lab, payment) == []


async def test_a_refund_by_other_hands_that_comes_back_is_given_back_by_us(lab: Lab) -> None:
    order, payment = await paid(lab)
    await lab.sandbox.control(settlement_seconds=3600)
    by_hand = await lab.sandbox.refund_by_hand(str(payment.provider_reference), 1000)
    await lab.end_order(order)
    await lab.reconcile()
    await lab.sandbox.ask("POST", f"/_sandbox/refunds/{by_hand['id']}/fail")
    await lab.reconcile(past=HOURS)  # no webhook reported it, and settled payments are not checked
    await lab.webhook(await lab.sandbox.event("charge.refund.updated", str(payment.provider_reference)))
    await lab.reconcile()
    assert (await lab.payment(payment.id)).status is St.REFUNDED
    assert await gone_back(lab, payment) == 5998


async def test_a_refund_that_the_bank_returns_is_reported_to_the_customer_and_to_us(lab: Lab) -> None:
    with capture_logs() as logs:
        order, payment = await bounced(lab)
    assert (payment.status, payment.stranded) == (St.SUCCEEDED, Stranded.REFUND_RETURNED)
    assert payment.check_at is not None
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1, "PAYMENT_REFUND_FAILED": 1}
    (entry,) = [line for line in logs if line["event"] == "payment_stranded"]
    assert (entry["log_level"], entry["order_id"], entry["reason"]) == ("error", str(order.id), "refund_returned")
    assert await stranded_now(lab, payment) == [Stranded.REFUND_RETURNED]
    (listed,) = [one for one in await lab.stranded() if one.id == payment.id]
    assert (listed.order_id, listed.held.text, listed.last_failure) == (order.id, "59.98", "expired_or_canceled_card")


async def test_it_is_counted_for_the_alert(lab: Lab) -> None:
    await bounced(lab)
    await CountStrandedHandler(lab.work)()
    stored = await lab.postgres.fetchval("SELECT count(*) FROM payments WHERE stranded = 'refund_returned'")
    assert stored >= 1
    assert REGISTRY.get_sample_value("argosy_payments_stranded", {"reason": "refund_returned"}) == stored


async def test_what_stripe_refuses_each_time_needs_a_person_in_the_end(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, payment = await paid(lab)

    async def refuse(*_: object) -> None:
        raise Refused(Refusal.REQUEST, "charge_too_old", None)

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "refund", refuse)
        await lab.end_order(order)
        for _ in range(12):
            await lab.reconcile(past=A_WHILE)
    tries = await lab.refunds(payment.id)
    assert len(tries) == len({one.asked_with for one in tries}) == 5
    assert (await lab.payment(payment.id)).stranded is Stranded.REFUND_REFUSED
    assert await lab.retry_stranded(RetryStranded([payment.id], "ada")) == [payment.id]
    await lab.reconcile()
    assert (await lab.payment(payment.id)).status is St.REFUNDED
    assert await gone_back(lab, payment) == 5998
    assert await lab.retry_stranded(RetryStranded([payment.id], "ada")) == []  # nothing to do any more


async def test_what_a_person_gives_back_at_stripe_is_found(lab: Lab) -> None:
    order, payment = await bounced(lab)
    await lab.sandbox.refund_by_hand(str(payment.provider_reference), 5998)
    await lab.reconcile(past=HOURS)
    found = await lab.payment(payment.id)
    assert (found.status, found.stranded, found.check_at) == (St.REFUNDED, None, None)
    assert (await lab.ledger(order))[-1] == ("refund", "59.98")


async def test_an_intent_that_stripe_does_not_know_is_for_a_person(lab: Lab) -> None:
    """For example after a change of account. It is not retried for ever, and does not open the circuit breaker."""
    order, payment = await paid(lab)
    await lab.postgres.execute(
        "UPDATE payments SET stripe_payment_intent_id = 'pi_of_another_' || id WHERE id = $1", payment.id
    )
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(payment.id)).stranded is Stranded.UNKNOWN_AT_PROVIDER
    assert await gone_back(lab, payment) == 0
    await lab.postgres.execute(
        "UPDATE payments SET stripe_payment_intent_id = $2 WHERE id = $1", payment.id, payment.provider_reference
    )
    assert await lab.retry_stranded(RetryStranded([payment.id], "ada")) == [payment.id]
    await lab.reconcile()  # here it is the same account, which has seen the refund's key with the other intent
    await lab.reconcile(past=A_WHILE)
    assert (await lab.payment(payment.id)).status is St.REFUNDED
    assert await gone_back(lab, payment) == 5998


async def test_a_live_payment_that_stripe_does_not_know_is_left_alone_and_can_be_ended(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, "pm_card_authenticationRequired")
    await lab.postgres.execute(
        "UPDATE payments SET stripe_payment_intent_id = 'pi_of_another_' || id WHERE order_id = $1", order.id
    )
    await lab.reconcile(past=timedelta(minutes=3))
    payment = await lab.payment(waiting.payment_id)
    assert (payment.status, payment.stranded, payment.check_at) == (
        St.REQUIRES_ACTION,
        Stranded.UNKNOWN_AT_PROVIDER,
        None,
    )
    assert await lab.reconcile(past=HOURS) == 0
    assert await lab.close_stranded(CloseStranded(payment.id, "not charged, according to the old account", "ada"))
    assert (await lab.payment(payment.id)).status is St.FAILED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}


class TestCommands:
    """`argosy payments`, a process of its own."""

    @pytest.fixture
    def environment(self, postgres_url: str, tmp_path: Path) -> Mapping[str, str]:
        keys = tmp_path / "keys"
        keys.touch()
        return {
            "GRPC_PORT": "1",
            "ADMIN_PORT": "2",
            "SERVICE_KEY_FILE": str(keys),
            "SERVICE_KEYS_FILE": str(keys),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "DATABASE_URL": postgres_url,
            "ORDER_TARGET": "127.0.0.1:9",
            "STRIPE_API_KEY": "sk_test_none",
            "STRIPE_WEBHOOK_SECRET": "whsec_none",
            "PAYMENT_RETURN_URL": "http://127.0.0.1:9/",
            "IDEMPOTENCY_SECRET": "0123456789abcdef",
        }

    async def ask(self, environment: Mapping[str, str], *words: str) -> Answered:
        return await argosy("payments", *words, environment=environment)

    async def test_listed_tried_again_and_closed(self, lab: Lab, environment: Mapping[str, str]) -> None:
        order, payment = await bounced(lab)

        async def listed() -> list[dict[str, Any]]:
            rows = (await self.ask(environment, "stranded", "--json")).rows
            return [row for row in rows if row["payment"] == str(payment.id)]

        (row,) = await listed()
        assert (row["order"], row["reason"], row["held"]) == (str(order.id), "refund_returned", "59.98")
        assert str(order.id) in (await self.ask(environment, "stranded")).out
        assert (await self.ask(environment, "retry")).code == 1
        retried = await self.ask(environment, "retry", str(payment.id))
        assert (retried.code, retried.out) == (0, "1 payment is scheduled again.\n")
        audit = json.loads(retried.err.splitlines()[-1])
        assert (audit["event"], audit["payment_id"], audit["audit"]) == ("payment_retried", str(payment.id), True)
        assert await listed() == []
        refunds = await lab.refunds(payment.id)
        assert [one.amount.minor for one in refunds] == [5998, 5998]
        await lab.reconcile()
        await lab.sandbox.ask("POST", f"/_sandbox/refunds/{(await lab.refunds(payment.id))[1].provider_reference}/fail")
        await lab.webhook(await lab.sandbox.event("refund.failed", str(payment.provider_reference)))
        assert len(await listed()) == 1
        closed = await self.ask(environment, "close", str(payment.id), "--how", "bank transfer 4711")
        assert closed.code == 0
        assert await listed() == []
        assert (await lab.payment(payment.id)).given_back_otherwise == "bank transfer 4711"
        assert await lab.reconcile(past=HOURS) == 0
        again = await self.ask(environment, "close", str(payment.id), "--how", "x")
        assert (again.code, again.out) == (1, "")
