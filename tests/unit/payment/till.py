"""Payment's use cases on its ports in memory, wired together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.payment.domain.answers import PaymentAnswer, RefundAnswer
from services.payment.domain.credit import STORE_CREDIT, CreditEntry
from services.payment.domain.ledger import Entry
from services.payment.domain.notices import Notice, Topic
from services.payment.domain.orders import Order
from services.payment.domain.payments import (
    Payment,
)
from services.payment.domain.refunds import Refund
from services.payment.ports import (
    Providers,
)
from services.payment.use_cases.apply_notice import Applied, ApplyNotice, ApplyNoticeHandler
from services.payment.use_cases.apply_order_status import ApplyOrderStatus, ApplyOrderStatusHandler
from services.payment.use_cases.close_stranded import CloseStrandedHandler
from services.payment.use_cases.compare_credit import CompareCredit
from services.payment.use_cases.compare_provider import CompareProvider
from services.payment.use_cases.confirm_payment import ConfirmPaymentHandler
from services.payment.use_cases.count_stranded import CountStrandedHandler
from services.payment.use_cases.create_payment import CreatePayment, CreatePaymentHandler
from services.payment.use_cases.create_refund import CreateRefund, CreateRefundHandler
from services.payment.use_cases.first_answers import FirstAnswers
from services.payment.use_cases.get_credit import GetCredit, GetCreditHandler
from services.payment.use_cases.get_payment import GetPaymentHandler
from services.payment.use_cases.grant_credit import GrantCredit, GrantCreditHandler
from services.payment.use_cases.list_credit_entries import ListCreditEntriesHandler
from services.payment.use_cases.list_payments import ListPaymentsHandler
from services.payment.use_cases.list_refunds import ListRefundsHandler
from services.payment.use_cases.list_stranded import ListStrandedHandler
from services.payment.use_cases.look_up_order_payment import LookUpOrderPaymentHandler
from services.payment.use_cases.reconcile import ReconcileHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.retry_stranded import RetryStrandedHandler
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund
from tests.unit.payment.fakes import FakeOrders, FakePayment, FakePaymentWork, FakeProvider

STAFF = uuid4()


def usd(minor: int) -> Money:
    return Money(minor, "USD")


class Till:
    """All use cases on one service in memory."""

    def __init__(self) -> None:
        self.unit, self.orders, self.provider = FakePayment(), FakeOrders(), FakeProvider()
        self.credit = FakeProvider(STORE_CREDIT)
        work = FakePaymentWork(self.unit)
        self.providers = providers = Providers({"fake": self.provider, STORE_CREDIT: self.credit}, "fake")
        self.recorder = Recorder.of(work, timedelta(minutes=15))
        self.settle = settle = SettlePayment(work, providers, self.recorder, timedelta(minutes=5))
        settle_refund = SettleRefund(work, providers, self.recorder)
        self.create = CreatePaymentHandler(
            work, self.orders, providers, settle, FirstAnswers(work, providers), "https://shop.example/back"
        )
        self.get = GetPaymentHandler(work)
        self.confirm = ConfirmPaymentHandler(self.get, settle)
        self.list = ListPaymentsHandler(work)
        self.list_refunds = ListRefundsHandler(work)
        self.create_refund = CreateRefundHandler(work, settle_refund)
        self.grant_credit = GrantCreditHandler(work)
        self.get_credit = GetCreditHandler(work)
        self.list_credit = ListCreditEntriesHandler(work)
        self.compare_credit = CompareCredit(work)
        self.compare_provider = CompareProvider(self.provider, settle, settle_refund, timedelta())
        self.look_up = LookUpOrderPaymentHandler(work)
        self.apply_status = ApplyOrderStatusHandler(work, self.recorder)
        self.notice = ApplyNoticeHandler(work, providers, settle, settle_refund, self.recorder)
        self.reconcile_once = ReconcileHandler(work, settle, settle_refund)
        self.stranded = ListStrandedHandler(work)
        self.retry = RetryStrandedHandler(work, self.recorder)
        self.close = CloseStrandedHandler(work, self.recorder)
        self.count = CountStrandedHandler(work)

    async def pay(self, order: Order, key: str | None = None, **changes: Any) -> PaymentAnswer:
        asked = CreatePayment(order.user_id, order.id, None, None, "method", None, "web-app", Repeatable(key, b"f"))
        return await self.create(replace(asked, **changes))

    async def paid(self) -> tuple[Order, Payment]:
        order = self.orders.place()
        return order, self.payment((await self.pay(order)).payment_id)

    async def refund(
        self, payment: Payment, amount: str | None = None, key: str | None = None, **changes: Any
    ) -> RefundAnswer:
        wanted = None if amount is None else Decimal(amount)
        asked = CreateRefund(STAFF, payment.id, wanted, None, Repeatable(key, b"f"))
        return await self.create_refund(replace(asked, **changes))

    async def grant(self, user_id: UUID, amount: str, key: str | None = None, **changes: Any) -> CreditEntry:
        asked = GrantCredit(user_id, Decimal(amount), "USD", "a late parcel", STAFF, Repeatable(key, b"f"))
        return await self.grant_credit(replace(asked, **changes))

    async def balances(self, user_id: UUID) -> list[Money]:
        return await self.get_credit(GetCredit(user_id, user_id, is_staff=False))

    async def cancel(self, order: Order) -> None:
        await self.apply_status(ApplyOrderStatus(uuid4(), order.id, "cancelled"))

    async def reconcile(self, *, past: timedelta = timedelta()) -> None:
        """Let so much time pass, then look after everything that is due."""
        for payment in self.unit.payments.rows.values():
            self.unit.payments.rows[payment.id] = replace(
                payment,
                created_at=payment.created_at - past,
                asked_at=payment.asked_at - past,
                check_at=payment.check_at and payment.check_at - past,
                challenge_ends_at=payment.challenge_ends_at and payment.challenge_ends_at - past,
            )
        for refund in self.unit.refunds.rows.values():
            self.unit.refunds.rows[refund.id] = replace(
                refund, created_at=refund.created_at - past, check_at=refund.check_at and refund.check_at - past
            )
        for _ in range(5):
            await self.reconcile_once()

    def payment(self, payment_id: UUID) -> Payment:
        return self.unit.payments.rows[payment_id]

    def only(self, order: Order) -> Payment:
        (payment,) = [one for one in self.unit.payments.rows.values() if one.order_id == order.id]
        return payment

    def refunds(self) -> list[Refund]:
        return [*self.unit.refunds.rows.values()]

    def facts(self) -> list[type[object]]:
        return [type(fact) for fact in self.unit.published]

    def booked(self) -> list[tuple[Entry, int]]:
        return [(line.entry, line.amount.minor) for _, line in self.unit.ledger.lines]

    def charge_of(self, payment: Payment) -> str:
        assert payment.provider_reference is not None
        return payment.provider_reference

    async def hears(self, payment: Payment, topic: Topic, **what: Any) -> Applied:
        notice = Notice("fake", f"notice-{uuid4()}", "word", topic, charge_reference=payment.provider_reference)
        return await self.notice(ApplyNotice(replace(notice, **what)))
