"""Protobuf ↔ domain: the one place where a field is spelled twice."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from argosy.payment.v1 import payment_lookup_pb2, payment_pb2
from services.chassis.data.postgres_work import Codec, Codecs
from services.chassis.plain import money
from services.chassis.plain.money import Money
from services.chassis.rpc import timestamps
from services.payment.domain.answers import PaymentAnswer, RefundAnswer, payment_answer, refund_answer
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
        client_secret=answer.challenge_secret,
        requires_action=True if answer.requires_action else None,
        created_at=timestamps.to_message(answer.created_at),
        processed_at=timestamps.to_message(answer.processed_at) if answer.processed_at else None,
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
    )


def refund_message(refund: Refund) -> payment_pb2.Refund:
    """A refund as staff get it."""
    return refund_answer_message(refund_answer(refund))


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
    }
)
"""How answers are kept for repeats under an idempotency key."""
