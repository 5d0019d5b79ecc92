"""Protobuf ↔ commands."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from pydantic import SecretStr

from argosy.payment.v1 import payment_lookup_pb2, payment_pb2
from services.chassis import idempotency, ids, money, paging
from services.chassis.call import Call
from services.payment.messages import payment_message, refund_message, staff_message
from services.payment.use_cases.confirm_payment import ConfirmPayment
from services.payment.use_cases.create_payment import CreatePayment, CreatePaymentCommand
from services.payment.use_cases.create_refund import CreateRefund, CreateRefundCommand
from services.payment.use_cases.handle_webhook import HandleWebhook
from services.payment.use_cases.look_up_order_payment import LookUpOrderPayment, OrderPaymentState
from services.payment.use_cases.show_payments import ShowPayments

PAYMENTS = payment_pb2.DESCRIPTOR.services_by_name["PaymentService"]
PAYMENT_LOOKUP = payment_lookup_pb2.DESCRIPTOR.services_by_name["PaymentLookupService"]
"""What is served here."""

_STATES = {
    OrderPaymentState.NONE: payment_lookup_pb2.OrderPayment.STATE_NONE,
    OrderPaymentState.LIVE: payment_lookup_pb2.OrderPayment.STATE_LIVE,
    OrderPaymentState.PAID: payment_lookup_pb2.OrderPayment.STATE_PAID,
}


@dataclass(frozen=True)
class PaymentRpc:
    """argosy.payment.v1.PaymentService."""

    create: CreatePayment
    show: ShowPayments
    confirm: ConfirmPayment
    refund: CreateRefund
    webhook: HandleWebhook
    idempotency_secret: SecretStr

    async def CreatePayment(self, request: payment_pb2.CreatePaymentRequest, call: Call) -> payment_pb2.Payment:
        return await self.create(
            CreatePaymentCommand(
                user_id=UUID(call.user().id),
                order_id=UUID(request.order_id),
                stated_amount=_stated_amount(request),
                stated_currency=request.currency.upper() if request.HasField("currency") else None,
                payment_method=request.payment_method_id,
                customer_id=request.customer_id if request.HasField("customer_id") else None,
                client_app=call.client_app,
                idempotency_key=call.idempotency_key,
                fingerprint=idempotency.fingerprint(self.idempotency_secret, request),
            )
        )

    async def GetPayment(self, request: payment_pb2.GetPaymentRequest, call: Call) -> payment_pb2.Payment:
        user = call.user()
        payment = await self.show.one(UUID(request.id), UUID(user.id), is_staff=user.is_staff)
        return staff_message(payment) if user.is_staff else payment_message(payment)

    async def ListPayments(
        self, request: payment_pb2.ListPaymentsRequest, call: Call
    ) -> payment_pb2.ListPaymentsResponse:
        user = call.user()
        payments, last = await self.show.page(
            UUID(user.id),
            is_staff=user.is_staff,
            order_id=UUID(request.order_id) if request.HasField("order_id") else None,
            before=_page_begins(request.page_token),
            size=paging.page_size(request.page_size),
        )
        return payment_pb2.ListPaymentsResponse(
            payments=[staff_message(payment) if user.is_staff else payment_message(payment) for payment in payments],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def ConfirmPayment(self, request: payment_pb2.ConfirmPaymentRequest, call: Call) -> payment_pb2.Payment:
        settled = await self.confirm(UUID(request.id), UUID(call.user().id))
        return payment_message(settled.payment, settled.client_secret)

    async def CreateRefund(self, request: payment_pb2.CreateRefundRequest, call: Call) -> payment_pb2.Refund:
        return await self.refund(
            CreateRefundCommand(
                staff_id=UUID(call.user().id),
                payment_id=UUID(request.id),
                amount=_stated_amount(request),
                reason=request.reason if request.HasField("reason") else None,
                idempotency_key=call.idempotency_key,
                fingerprint=idempotency.fingerprint(self.idempotency_secret, request),
            )
        )

    async def ListRefunds(self, request: payment_pb2.ListRefundsRequest, call: Call) -> payment_pb2.ListRefundsResponse:
        refunds, last = await self.show.refunds(
            UUID(request.id), before=_page_begins(request.page_token), size=paging.page_size(request.page_size)
        )
        return payment_pb2.ListRefundsResponse(
            refunds=[refund_message(refund) for refund in refunds],
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def HandleStripeWebhook(self, request: HttpBody, call: Call) -> payment_pb2.WebhookReceipt:
        await self.webhook(request.data, str(call.metadata.get("stripe-signature", "")))
        return payment_pb2.WebhookReceipt(received=True)


@dataclass(frozen=True)
class PaymentLookupRpc:
    """argosy.payment.v1.PaymentLookupService."""

    look_up: LookUpOrderPayment

    async def LookUpOrderPayment(
        self, request: payment_lookup_pb2.LookUpOrderPaymentRequest, call: Call
    ) -> payment_lookup_pb2.OrderPayment:
        found = await self.look_up(UUID(request.order_id))
        return payment_lookup_pb2.OrderPayment(state=_STATES[found.state], was_paid=found.was_paid)


def _stated_amount(request: payment_pb2.CreatePaymentRequest | payment_pb2.CreateRefundRequest) -> Decimal | None:
    return money.exactly(request.amount) if request.HasField("amount") else None


def _page_begins(token: str) -> UUID | None:
    key = paging.decode_page_token(token, parts=1)
    if key is None:
        return None
    try:
        return ids.parse_id(key[0])
    except ValueError:
        raise paging.bad_page_token() from None
