"""Protobuf ↔ domain: the one place where a field is spelled twice."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from argosy.payment.v1 import payment_lookup_pb2, payment_pb2
from services.chassis.data.postgres_work import Codec, Codecs
from services.chassis.plain import money
from services.chassis.plain.money import Money
from services.chassis.rpc import timestamps
from services.payment.domain.answers import PaymentAnswer, RefundAnswer, payment_answer, refund_answer
from services.payment.domain.credit import CreditEntry, CreditKind
from services.payment.domain.payments import OrderPayment, OrderPaymentState, Payment, Status
from services.payment.domain.refunds import Refund, RefundStatus

_STATES = {
    OrderPaymentState.NONE: payment_lookup_pb2.OrderPayment.STATE_NONE,
    OrderPaymentState.LIVE: payment_lookup_pb2.OrderPayment.STATE_LIVE,
    OrderPaymentState.PAID: payment_lookup_pb2.OrderPayment.STATE_PAID,
}


def answer_message(answer: PaymentAnswer) -> payment_pb2.Payment:
    """An answer to paying or confirming."""
    return payment_pb2.Payment(
        payment_id=str(answer.payment_id),
        order_id=str(answer.order_id),
        status=answer.status,
        amount=answer.amount.text,
        currency=answer.amount.currency,
        decline_code=answer.decline_code,
        client_secret=answer.challenge.secret if answer.challenge else None,
        challenge_url=answer.challenge.url if answer.challenge else None,
        requires_action=True if answer.requires_action else None,
        created_at=timestamps.to_message(answer.created_at),
        processed_at=timestamps.to_message(answer.processed_at) if answer.processed_at else None,
        provider=answer.provider,
    )


def answer_of(message: payment_pb2.Payment) -> PaymentAnswer:
    """The answer that was kept, which has no secret."""
    return PaymentAnswer(
        payment_id=UUID(message.payment_id),
        order_id=UUID(message.order_id),
        status=Status(message.status),
        amount=Money.parse(message.amount, message.currency),
        decline_code=message.decline_code if message.HasField("decline_code") else None,
        created_at=timestamps.from_message(message.created_at),
        processed_at=timestamps.from_message(message.processed_at) if message.HasField("processed_at") else None,
        provider=message.provider if message.HasField("provider") else None,
    )


def payment_message(payment: Payment) -> payment_pb2.Payment:
    """A payment as its owner gets it."""
    return answer_message(payment_answer(payment))


def staff_message(payment: Payment) -> payment_pb2.Payment:
    """A payment as staff get it: with the provider's fee, and what needs a person."""
    message = payment_message(payment)
    if payment.provider_fee is not None and payment.net_amount is not None:
        message.settlement_currency = payment.provider_fee.currency
        message.provider_fee = payment.provider_fee.text
        message.net_amount = payment.net_amount.text
    if payment.dispute is not None:
        message.dispute = payment.dispute
    if payment.stranded is not None:
        message.stranded = payment.stranded
    return message


def refund_answer_message(answer: RefundAnswer) -> payment_pb2.Refund:
    """A refund as staff get it."""
    return payment_pb2.Refund(
        id=str(answer.refund_id),
        payment_id=str(answer.payment_id),
        amount=answer.amount.text,
        currency=answer.amount.currency,
        status=answer.status,
        reason=answer.reason,
        failure_code=answer.failure_code,
        created_at=timestamps.to_message(answer.created_at),
        provider=answer.provider,
    )


def refund_answer_of(message: payment_pb2.Refund) -> RefundAnswer:
    """The answer that was kept."""
    return RefundAnswer(
        refund_id=UUID(message.id),
        payment_id=UUID(message.payment_id),
        amount=Money.parse(message.amount, message.currency),
        status=RefundStatus(message.status),
        reason=message.reason,
        failure_code=message.failure_code if message.HasField("failure_code") else None,
        created_at=timestamps.from_message(message.created_at),
        provider=message.provider if message.HasField("provider") else None,
    )


def refund_message(refund: Refund) -> payment_pb2.Refund:
    """A refund as staff get it."""
    return refund_answer_message(refund_answer(refund))


def credit_message(balances: Iterable[Money]) -> payment_pb2.Credit:
    """A user's balances."""
    return payment_pb2.Credit(
        balances=[payment_pb2.CreditBalance(amount=one.text, currency=one.currency) for one in balances]
    )


def credit_entry_message(entry: CreditEntry) -> payment_pb2.CreditEntry:
    """A change of store credit, as the user gets it."""
    return payment_pb2.CreditEntry(
        id=str(entry.id),
        user_id=str(entry.user_id),
        kind=entry.kind,
        amount=entry.amount.text,
        currency=entry.amount.currency,
        payment_id=str(entry.payment_id) if entry.payment_id else None,
        refund_id=str(entry.refund_id) if entry.refund_id else None,
        reason=entry.reason,
        created_at=timestamps.to_message(entry.created_at),
    )


def staff_credit_entry_message(entry: CreditEntry) -> payment_pb2.CreditEntry:
    """A change of store credit, as staff get it: with who granted it."""
    message = credit_entry_message(entry)
    if entry.granted_by is not None:
        message.granted_by = str(entry.granted_by)
    return message


def grant_of(message: payment_pb2.CreditEntry) -> CreditEntry:
    """The grant in a stored idempotent response."""
    return CreditEntry(
        id=UUID(message.id),
        user_id=UUID(message.user_id),
        kind=CreditKind(message.kind),
        amount=Money.parse(message.amount, message.currency),
        created_at=timestamps.from_message(message.created_at),
        granted_by=UUID(message.granted_by),
        reason=message.reason,
    )


def order_payment_message(found: OrderPayment) -> payment_lookup_pb2.OrderPayment:
    """How far the payment of an order is, as the order service gets it."""
    return payment_lookup_pb2.OrderPayment(state=_STATES[found.state], was_paid=found.was_paid)


def stated_amount(request: payment_pb2.CreatePaymentRequest | payment_pb2.CreateRefundRequest) -> Decimal | None:
    """The amount in a request; None: it states none."""
    return money.exactly(request.amount) if request.HasField("amount") else None


KEPT_ANSWERS: Codecs = MappingProxyType(
    {
        PaymentAnswer: Codec(payment_pb2.Payment, answer_message, answer_of),
        RefundAnswer: Codec(payment_pb2.Refund, refund_answer_message, refund_answer_of),
        CreditEntry: Codec(payment_pb2.CreditEntry, staff_credit_entry_message, grant_of),
    }
)
"""How answers are kept for repeats under an idempotency key."""
