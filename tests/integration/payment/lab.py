"""The payment service's use cases on a real database and the real Stripe sandbox; only orders are made up."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

from pydantic import SecretStr
from stripe import WebhookSignature

from argosy.payment.v1 import payment_pb2
from services.chassis import clock
from services.chassis.postgres import Postgres, Record
from services.payment import store, use_cases
from services.payment.domain import Order, Payment, Refund
from services.payment.first_answers import FirstAnswers
from services.payment.orders import KnownOrder, OrderNotFound, Orders
from services.payment.reconciler import Reconciler
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import StripeGateway
from services.payment.use_cases.create_payment import CreatePaymentCommand
from services.payment.use_cases.create_refund import CreateRefundCommand
from services.payment.use_cases.look_up_order_payment import OrderPaymentState
from tests.support.sandbox import Sandbox

RETURN_URL = "http://127.0.0.1:3000/back"
WEBHOOK_SECRET = SecretStr("whsec_lab")
VISA = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclined"
STAFF = UUID("01957000-0000-7000-8000-0000000000aa")
CHALLENGED = "pm_card_authenticationRequired"
SECRET_TABLES = ("payments", "payment_attempts", "outbox", "idempotency_keys", "refunds", "ledger_entries")


class MadeUpOrders:
    """What the order service would say."""

    def __init__(self) -> None:
        self.all: dict[UUID, Order] = {}
        self.asked = 0

    def place(self, total_minor: int = 5998, currency: str = "USD", status: str = "pending") -> Order:
        order = Order(uuid4(), uuid4(), status, total_minor, currency)
        self.all[order.id] = order
        return order

    def move(self, order: Order, status: str) -> None:
        self.all[order.id] = replace(self.all[order.id], status=status)

    async def look_up(self, order_id: UUID) -> Order:
        self.asked += 1
        if order_id not in self.all:
            raise OrderNotFound
        return self.all[order_id]

    async def look_up_many(self, order_ids: Collection[UUID]) -> dict[UUID, KnownOrder]:
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
    gateway: StripeGateway
    sandbox: StripeSide
    challenge_timeout: timedelta = timedelta(minutes=15)
    search_lag: timedelta = timedelta(minutes=5)
    orders: MadeUpOrders = field(default_factory=MadeUpOrders)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.postgres, self.challenge_timeout)
        self.settle = use_cases.SettlePayment(self.postgres, self.gateway, self.recorder, self.search_lag)
        self.settle_refund = use_cases.SettleRefund(self.postgres, self.gateway, self.recorder)
        self.create = use_cases.CreatePayment(
            self.postgres,
            cast(Orders, self.orders),
            self.gateway,
            self.settle,
            FirstAnswers(self.postgres, self.gateway),
            RETURN_URL,
        )
        self.create_refund = use_cases.CreateRefund(self.postgres, self.settle_refund)
        self.show = use_cases.ShowPayments(self.postgres)
        self.confirm = use_cases.ConfirmPayment(self.show, self.settle)
        self.handle_webhook = use_cases.HandleWebhook(
            self.postgres, self.gateway, self.settle, self.settle_refund, self.recorder, WEBHOOK_SECRET
        )
        self._look_up = use_cases.LookUpOrderPayment(self.postgres)
        self.end_order_in = use_cases.EndOrder(self.recorder)
        self.look_after = use_cases.LookAfterStranded(self.postgres, self.recorder)
        self.reconciler = Reconciler(self.postgres, self.settle, self.settle_refund, self.recorder.work, 60)

    async def pay(self, order: Order, method: str = VISA, **changes: Any) -> payment_pb2.Payment:
        return await self.create(command(order, method, **changes))

    async def refund(self, payment_id: object, amount_minor: int | None = None, **changes: Any) -> payment_pb2.Refund:
        """What staff order."""
        asked = CreateRefundCommand(
            staff_id=STAFF,
            payment_id=UUID(str(payment_id)),
            amount=None if amount_minor is None else Decimal(amount_minor).scaleb(-2),
            reason=None,
            idempotency_key=None,
            fingerprint=f"{payment_id} {amount_minor}".encode(),
        )
        return await self.create_refund(replace(asked, **changes))

    async def look_up(self, order_id: UUID) -> OrderPaymentState:
        """How far the payment of an order is."""
        return (await self._look_up(order_id)).state

    async def was_paid(self, order_id: UUID) -> bool:
        """Whether a payment confirmed the order."""
        return (await self._look_up(order_id)).was_paid

    async def refunds(self, payment_id: object) -> list[Refund]:
        async with self.postgres.connection() as connection:
            return await store.refunds_of(connection, UUID(str(payment_id)))

    async def end_order(self, order: Order) -> None:
        async with self.postgres.transaction() as connection:
            await self.end_order_in(connection, order.id)

    async def webhook(self, event: Any) -> None:
        """Deliver an event, signed as Stripe signs."""
        payload = json.dumps(event)
        signature = WebhookSignature.generate_signature_header(payload, WEBHOOK_SECRET.get_secret_value())
        await self.handle_webhook(payload.encode(), signature)

    async def reconcile(self, *, past: timedelta = timedelta(0)) -> int:
        """Let so much time pass, then look after everything that is due; answers how many steps it took."""
        await self.let_pass(past)
        steps = 0
        while worked := await self.reconciler.once():
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
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, UUID(str(payment_id)))
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
        intent_id = str((await self.payment(payment_id)).intent_id)
        async with asyncio.timeout(20):
            while not await self.sandbox.events("refund.updated", intent_id):
                await asyncio.sleep(0.05)

    async def only_payment_of(self, order: Order) -> Payment:
        async with self.postgres.connection() as connection:
            (payment,) = await store.payments_of_order(connection, order.id)
        return payment

    async def payments_of(self, order: Order) -> list[Payment]:
        async with self.postgres.connection() as connection:
            return await store.payments_of_order(connection, order.id)

    async def told(self, order: Order) -> Counter[str]:
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


def command(order: Order, method: str = VISA, **changes: Any) -> CreatePaymentCommand:
    """What the order's owner asks for."""
    asked = CreatePaymentCommand(
        user_id=order.user_id,
        order_id=order.id,
        stated_amount=None,
        stated_currency=None,
        payment_method=method,
        customer_id=None,
        client_app="web-app",
        idempotency_key=None,
        fingerprint=method.encode(),
    )
    return replace(asked, **changes)


def intent_of(subject: Any) -> str | None:
    found = subject["id"] if subject["object"] == "payment_intent" else subject.get("payment_intent")
    return found if isinstance(found, str) else None
