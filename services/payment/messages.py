"""Payments as the contract has them: the answer, and what is told on the bus."""

from __future__ import annotations

from google.protobuf.message import Message

from argosy.event.v1 import payment_events_pb2 as events
from argosy.payment.v1 import payment_pb2
from services.chassis import clock
from services.chassis.money import Money
from services.payment.domain import DECLINED_WITHOUT_REASON, News, Payment, Refund, Status
from services.payment.failure_sentences import failure_sentence


def payment_message(payment: Payment, client_secret: str | None = None) -> payment_pb2.Payment:
    """A payment as callers get it. The secret belongs in answers to paying and confirming alone, never in a store."""
    waits = payment.status is Status.REQUIRES_ACTION
    return payment_pb2.Payment(
        payment_id=str(payment.id),
        order_id=str(payment.order_id),
        status=payment.status,
        amount=Money(payment.amount_minor, payment.currency).text,
        currency=payment.currency,
        decline_code=payment.decline_code if payment.status is Status.FAILED else None,
        client_secret=client_secret if waits else None,
        requires_action=True if waits else None,
        created_at=clock.to_message(payment.created_at),
        processed_at=clock.to_message(payment.processed_at) if payment.processed_at else None,
    )


def staff_message(payment: Payment) -> payment_pb2.Payment:
    """A payment as staff get it: with what Stripe kept of it, and what needs a person."""
    message = payment_message(payment)
    if payment.provider_fee_minor is not None and payment.net_amount_minor is not None:
        message.settlement_currency = payment.settlement_currency or payment.currency
        message.provider_fee = Money(payment.provider_fee_minor, message.settlement_currency).text
        message.net_amount = Money(payment.net_amount_minor, message.settlement_currency).text
    if payment.dispute is not None:
        message.dispute = payment.dispute
    if payment.stranded is not None:
        message.stranded = payment.stranded
    return message


def refund_message(refund: Refund) -> payment_pb2.Refund:
    """A refund as staff get it."""
    return payment_pb2.Refund(
        id=str(refund.id),
        payment_id=str(refund.payment_id),
        amount=Money(refund.amount_minor, refund.currency).text,
        currency=refund.currency,
        status=refund.status,
        reason=refund.reason,
        failure_code=refund.failure_code,
        created_at=clock.to_message(refund.created_at),
    )


def payment_event(news: News, payment: Payment) -> Message:
    """What the others are told of a payment."""
    order_id, payment_id, user_id = str(payment.order_id), str(payment.id), str(payment.user_id)
    if news is News.CONFIRMED:
        return events.PaymentConfirmed(
            order_id=order_id,
            payment_id=payment_id,
            user_id=user_id,
            amount=Money(payment.amount_minor, payment.currency).text,
            currency=payment.currency,
            stripe_payment_intent_id=payment.intent_id or "",
        )
    if news is News.FAILED:
        code = payment.decline_code or payment.error_code or DECLINED_WITHOUT_REASON
        return events.PaymentFailed(
            order_id=order_id,
            payment_id=payment_id,
            user_id=user_id,
            error=failure_sentence(code),
            error_code=code,
            stripe_payment_intent_id=payment.intent_id or "",
        )
    return events.PaymentRequiresAction(order_id=order_id, payment_id=payment_id, user_id=user_id)


def refund_event(news: News, payment: Payment, refund: Refund) -> Message:
    """What the others are told of money that went back, or that the customer's bank has sent back to us."""
    kind = events.PaymentRefunded if news is News.REFUNDED else events.PaymentRefundFailed
    return kind(
        order_id=str(payment.order_id),
        payment_id=str(payment.id),
        user_id=str(payment.user_id),
        refund_id=str(refund.id),
        amount=Money(refund.amount_minor, refund.currency).text,
        currency=refund.currency,
    )
