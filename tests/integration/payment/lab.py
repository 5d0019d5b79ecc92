"""The payment service's use cases on a real database and the real Stripe sandbox; only orders are made up."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from stripe import WebhookSignature

from argosy.payment.v1 import payment_pb2
from services.chassis.data.postgres import Postgres, Record
from services.chassis.plain import clock
from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.adapters.store_credit.provider import StoreCreditProvider
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.adapters.unit_of_work import PostgresPaymentWork
from services.payment.domain.answers import PaymentAnswer
from services.payment.domain.credit import STORE_CREDIT, CreditEntry
from services.payment.domain.orders import KnownOrder, Order, OrderNotFound
from services.payment.domain.payments import OrderPaymentState, Payment, StrandedPayment
from services.payment.domain.refunds import Refund
from services.payment.entrypoints.mapping import KEPT_ANSWERS, answer_message, refund_answer_message
from services.payment.entrypoints.webhooks import StripeWebhooks
from services.payment.entrypoints.workers import Reconciler
from services.payment.ports import Providers
from services.payment.use_cases.apply_notice import ApplyNoticeHandler
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.payment.use_cases.close_stranded import CloseStrandedHandler
from services.payment.use_cases.confirm_payment import ConfirmPayment, ConfirmPaymentHandler
from services.payment.use_cases.create_payment import CreatePayment, CreatePaymentHandler
from services.payment.use_cases.create_refund import CreateRefund, CreateRefundHandler
from services.payment.use_cases.first_answers import FirstAnswers
from services.payment.use_cases.get_payment import GetPaymentHandler
from services.payment.use_cases.grant_credit import GrantCredit, GrantCreditHandler
from services.payment.use_cases.list_payments import ListPaymentsHandler
from services.payment.use_cases.list_refunds import ListRefundsHandler
from services.payment.use_cases.list_stranded import ListStranded, ListStrandedHandler
from services.payment.use_cases.look_up_order_payment import LookUpOrderPayment, LookUpOrderPaymentHandler
from services.payment.use_cases.reconcile import ReconcileHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.retry_stranded import RetryStrandedHandler
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund
from tests.support.sandbox import Sandbox

RETURN_URL = "http://127.0.0.1:3000/back"
WEBHOOK_SECRET = SecretStr("whsec_lab")
VISA = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
STAFF = UUID("01957000-0000-7000-8000-0000000000aa")
CHALLENGED = "pm_card_authenticationRequired"
SECRET_TABLES = ("payments", "payment_attempts", "outbox", "idempotency_keys", "refunds", "ledger_entries")


class MadeUpOrders:
    """The answers of the order service."""

    def __init__(self) -> None:
        self.all: dict[UUID, Order] = {}
        self.asked = 0

    def place(self, total_minor: int = 5998, currency: str = "USD", status: str = "pending") -> Order:
        order = Order(uuid4(), uuid4(), status, Money(total_minor, currency))
        self.all[order.id] = order
        return order

    def move(self, order: Order, status: str) -> None:
        self.all[order.id] = replace(self.all[order.id], status=status)

    async def look_up(self, order_id: UUID) -> Order:
        self.asked += 1
        if order_id not in self.all:
            raise OrderNotFound
        return self.all[order_id]

    async def look_up_many(self, order_ids: Collection[UUID]) -> Mapping[UUID, KnownOrder]:
        """As they have been for a long time."""
        long_ago = clock.now() - timedelta(days=1)
        return {one: KnownOrder(self.all[one], long_ago) for one in order_ids if one in self.all}


class StripeSide(Sandbox):
    """What Stripe did, what happens there without us, and how it is made to misbehave."""

    async def settle_quickly(self) -> None:
        """Whatever takes its time does so within the patience of a test."""
        await self.behave()
        await self.control(processing_seconds=0.1, settlement_seconds=0.1, search_lag_seconds=0)

    async def until_captured(self, payment_id: object) -> None:
        """Returns when the payment's money is there, at Stripe."""
        async with asyncio.timeout(20):
            while not (await self.counts(payment_id=str(payment_id)))["amount_captured"]:
                await asyncio.sleep(0.02)

    async def forget_keys(self) -> None:
        await self.ask("DELETE", "/_sandbox/idempotency_keys")

    async def confirm_by_customer(self, intent_id: str, method: str = VISA) -> Any:
        """What the customer's browser can do with the client secret."""
        content = {"payment_method": method, "return_url": RETURN_URL}
        return await self.ask("POST", f"/v1/payment_intents/{intent_id}/confirm", data=content)

    async def refund_by_hand(self, intent_id: str, amount: int) -> Any:
        """What an operator can do in Stripe's dashboard."""
        return await self.ask("POST", "/v1/refunds", data={"payment_intent": intent_id, "amount": str(amount)})

    async def make_customer(self, user_id: object) -> str:
        made = await self.ask("POST", "/v1/customers", data={"metadata[user_id]": str(user_id)})
        return str(made["id"])

    async def all_events(self) -> list[Any]:
        """Every event there is, oldest first."""
        return [event async for event in self._all("/v1/events")][::-1]

    async def event(self, kind: str, intent_id: str) -> Any:
        """The newest event of a kind about an intent, as soon as there is one."""
        async with asyncio.timeout(20):
            while not (found := await self.events(kind, intent_id)):
                await asyncio.sleep(0.05)
        return found[-1]

    async def dispute(self, intent_id: str, **how: Any) -> Any:
        """The customer complains to their bank."""
        return await self.ask("POST", "/_sandbox/disputes", json={"payment_intent": intent_id, **how})

    async def decide(self, dispute_id: str, outcome: str) -> Any:
        """The bank decides on a dispute: won or lost."""
        return await self.ask("POST", f"/_sandbox/disputes/{dispute_id}", json={"outcome": outcome})

    async def events(self, kind: str, intent_id: str) -> list[Any]:
        """The events of a kind about an intent, oldest first."""
        page = await self.ask("GET", "/v1/events", params={"type": kind, "limit": 100})
        about = [e for e in page["data"] if intent_of(e["data"]["object"]) == intent_id]
        return about[::-1]


@dataclass
class Lab:
    """Everything of the service but its process."""

    postgres: Postgres
    gateway: StripeProvider
    sandbox: StripeSide
    challenge_timeout: timedelta = timedelta(minutes=15)
    search_lag: timedelta = timedelta(minutes=5)
    orders: MadeUpOrders = field(default_factory=MadeUpOrders)

    def __post_init__(self) -> None:
        self.work = work = PostgresPaymentWork(self.postgres, KEPT_ANSWERS)
        self.providers = providers = Providers(
            {self.gateway.name: self.gateway, STORE_CREDIT: StoreCreditProvider(self.postgres)}, self.gateway.name
        )
        self.recorder = Recorder.of(work, self.challenge_timeout)
        self.settle = SettlePayment(work, providers, self.recorder, self.search_lag)
        self.settle_refund = SettleRefund(work, providers, self.recorder)
        self.create = CreatePaymentHandler(
            work, self.orders, providers, self.settle, FirstAnswers(work, providers), RETURN_URL
        )
        self.create_refund = CreateRefundHandler(work, self.settle_refund)
        self.grant_credit = GrantCreditHandler(work)
        self.get_payment = GetPaymentHandler(work)
        self.list_payments = ListPaymentsHandler(work)
        self.list_refunds = ListRefundsHandler(work)
        self.confirm_payment = ConfirmPaymentHandler(self.get_payment, self.settle)
        apply_notice = ApplyNoticeHandler(work, providers, self.settle, self.settle_refund, self.recorder)
        self.handle_webhook = StripeWebhooks(apply_notice, WEBHOOK_SECRET)
        self.look_up_order = LookUpOrderPaymentHandler(work)
        self.apply_order_status = ApplyOrderStatusHandler(work, self.recorder)
        self.list_stranded = ListStrandedHandler(work)
        self.retry_stranded = RetryStrandedHandler(work, self.recorder)
        self.close_stranded = CloseStrandedHandler(work, self.recorder)
        self.reconcile_once = ReconcileHandler(work, self.settle, self.settle_refund)
        self.reconciler = Reconciler(self.reconcile_once, self.recorder.due, 60)

    async def pay(self, order: Order, method: str = VISA, **changes: Any) -> payment_pb2.Payment:
        """What the order's owner asks for, and what they get."""
        return answer_message(await self.create(command(order, method, **changes)))

    async def confirm(self, payment_id: UUID, user_id: UUID) -> PaymentAnswer:
        """What the owner asks for after a challenge."""
        return await self.confirm_payment(ConfirmPayment(payment_id, user_id))

    async def look_up(self, order_id: UUID) -> OrderPaymentState:
        """What the order service asks."""
        return (await self.look_up_order(LookUpOrderPayment(order_id))).state

    async def was_paid(self, order_id: UUID) -> bool:
        """Whether a payment confirmed the order."""
        return (await self.look_up_order(LookUpOrderPayment(order_id))).was_paid

    async def stranded(self) -> list[StrandedPayment]:
        """What operators see."""
        return await self.list_stranded(ListStranded(10_000))

    async def refund(
        self,
        payment_id: object,
        amount_minor: int | None = None,
        *,
        idempotency_key: str | None = None,
        **changes: Any,
    ) -> payment_pb2.Refund:
        """What staff order, and what they get."""
        asked = CreateRefund(
            staff_id=STAFF,
            payment_id=UUID(str(payment_id)),
            amount=None if amount_minor is None else Decimal(amount_minor).scaleb(-2),
            reason=None,
            request=Repeatable(idempotency_key, f"{payment_id} {amount_minor}".encode()),
        )
        return refund_answer_message(await self.create_refund(replace(asked, **changes)))

    async def grant(self, user_id: UUID, minor: int, *, idempotency_key: str | None = None) -> CreditEntry:
        """Staff grant store credit in USD."""
        amount, request = Decimal(minor).scaleb(-2), Repeatable(idempotency_key, f"{user_id} {minor}".encode())
        return await self.grant_credit(GrantCredit(user_id, amount, "USD", "a late parcel", STAFF, request))

    async def balance(self, user_id: UUID) -> int:
        """Store credit in cents of USD, which is what its entries come to."""
        async with self.work.read() as unit:
            found = await unit.credit.compared([user_id])
        assert all(one.balance == one.entries for one in found)
        return sum(one.balance.minor for one in found)

    async def refunds(self, payment_id: object) -> list[Refund]:
        async with self.work.read() as unit:
            return await unit.refunds.of_payment(UUID(str(payment_id)))

    async def end_order(self, order: Order) -> None:
        async with self.work.begin() as unit:
            await self.apply_order_status.within(unit, order.id)

    async def webhook(self, event: Any) -> None:
        """Deliver an event, signed as Stripe signs."""
        payload = json.dumps(event)
        signature = WebhookSignature.generate_signature_header(payload, WEBHOOK_SECRET.get_secret_value())
        await self.handle_webhook(payload.encode(), signature)

    async def reconcile(self, *, past: timedelta = timedelta(0)) -> int:
        """Let so much time pass, then look after everything that is due; answers how many steps it took."""
        await self.let_pass(past)
        steps = 0
        while worked := await self.reconcile_once():
            steps += worked
        return steps

    async def let_pass(self, time: timedelta) -> None:
        """As if everything had happened so much earlier."""
        if not time:
            return
        for column in ("created_at", "asked_at", "check_at", "challenge_ends_at"):
            await self.postgres.execute(f"UPDATE payments SET {column} = {column} - $1::interval", time)
        for column in ("created_at", "check_at"):
            await self.postgres.execute(f"UPDATE refunds SET {column} = {column} - $1::interval", time)

    async def payment(self, payment_id: object) -> Payment:
        async with self.work.read() as unit:
            payment = await unit.payments.find(UUID(str(payment_id)))
        assert payment is not None
        return payment

    async def until_begun(self, order: Order) -> None:
        """Returns when a payment of the order is stored."""
        async with asyncio.timeout(20):
            while not await self.payments_of(order):
                await asyncio.sleep(0.01)

    async def until_settled(self, order: Order) -> None:
        """Returns when the order's only payment is not live any more."""
        async with asyncio.timeout(20):
            while (await self.only_payment_of(order)).is_live:
                await asyncio.sleep(0.01)

    async def until_refund_is_settled_at_stripe(self, payment_id: object) -> None:
        """Returns when the bank has answered Stripe about the payment's refunds."""
        intent_id = str((await self.payment(payment_id)).provider_reference)
        async with asyncio.timeout(20):
            while not await self.sandbox.events("refund.updated", intent_id):
                await asyncio.sleep(0.05)

    async def only_payment_of(self, order: Order) -> Payment:
        async with self.work.read() as unit:
            (payment,) = await unit.payments.of_order(order.id)
        return payment

    async def payments_of(self, order: Order) -> list[Payment]:
        async with self.work.read() as unit:
            return await unit.payments.of_order(order.id)

    async def published(self, order: Order) -> Counter[str]:
        rows = await self.postgres.fetch("SELECT type FROM outbox WHERE key = $1", str(order.id))
        return Counter(row["type"] for row in rows)

    async def ledger(self, order: Order) -> list[tuple[str, str]]:
        rows = await self.postgres.fetch(
            "SELECT entry, l.amount FROM ledger_entries l JOIN payments p ON p.id = payment_id"
            " WHERE order_id = $1 ORDER BY l.id",
            order.id,
        )
        return [(row["entry"], str(row["amount"])) for row in rows]

    async def attempts(self, payment_id: object) -> list[Record]:
        return await self.postgres.fetch(
            "SELECT * FROM payment_attempts WHERE payment_id = $1 ORDER BY attempt_number", UUID(str(payment_id))
        )

    async def everything(self) -> str:
        """All that is stored, as text: what must not be in it can be looked for."""
        sources = [f"SELECT t::text AS line FROM {table} t" for table in SECRET_TABLES]
        sources += [
            "SELECT encode(response, 'escape') FROM idempotency_keys",
            "SELECT encode(value, 'escape') FROM outbox",
        ]
        return "\n".join(row["line"] or "" for row in await self.postgres.fetch(" UNION ALL ".join(sources)))


def command(order: Order, method: str = VISA, *, idempotency_key: str | None = None, **changes: Any) -> CreatePayment:
    """What the order's owner asks for."""
    asked = CreatePayment(
        user_id=order.user_id,
        order_id=order.id,
        stated_amount=None,
        stated_currency=None,
        payment_method=method,
        customer_id=None,
        client_app="web-app",
        request=Repeatable(idempotency_key, method.encode()),
    )
    return replace(asked, **changes)


def intent_of(subject: Any) -> str | None:
    found = subject["id"] if subject["object"] == "payment_intent" else subject.get("payment_intent")
    return found if isinstance(found, str) else None
