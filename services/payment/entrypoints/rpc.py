"""Requests → commands, answers → protobuf. No decisions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from pydantic import SecretStr

from argosy.deadletter.v1.dead_letter_pb2 import ListDeadLettersResponse, RedriveDeadLetterResponse
from argosy.payment.v1 import payment_lookup_pb2, payment_pb2
from argosy.reconciliation.v1.drift_pb2 import ListDriftsResponse
from services.chassis.data import idempotency, paging
from services.chassis.plain import ids, money
from services.chassis.plain.unit_of_work import Repeatable
from services.chassis.rpc.call import Call
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.payment.domain.credit import STORE_CREDIT
from services.payment.entrypoints import mapping
from services.payment.entrypoints.webhooks import StripeWebhooks
from services.payment.use_cases.confirm_payment import ConfirmPayment, ConfirmPaymentHandler
from services.payment.use_cases.create_payment import CreatePayment, CreatePaymentHandler
from services.payment.use_cases.create_refund import CreateRefund, CreateRefundHandler
from services.payment.use_cases.get_credit import GetCredit, GetCreditHandler
from services.payment.use_cases.get_payment import GetPayment, GetPaymentHandler
from services.payment.use_cases.grant_credit import GrantCredit, GrantCreditHandler
from services.payment.use_cases.list_credit_entries import ListCreditEntries, ListCreditEntriesHandler
from services.payment.use_cases.list_payments import ListPayments, ListPaymentsHandler
from services.payment.use_cases.list_refunds import ListRefunds, ListRefundsHandler
from services.payment.use_cases.look_up_order_payment import LookUpOrderPayment, LookUpOrderPaymentHandler


@dataclass(frozen=True)
class PaymentRpc:
    """argosy.payment.v1.PaymentService."""

    create_payment: CreatePaymentHandler
    get_payment: GetPaymentHandler
    list_payments: ListPaymentsHandler
    confirm_payment: ConfirmPaymentHandler
    create_refund: CreateRefundHandler
    list_refunds: ListRefundsHandler
    grant_credit: GrantCreditHandler
    get_credit: GetCreditHandler
    list_credit_entries: ListCreditEntriesHandler
    list_drifts: ListDrifts
    dead_letters: DeadLetters
    webhooks: StripeWebhooks
    idempotency_secret: SecretStr

    async def CreatePayment(self, request: payment_pb2.CreatePaymentRequest, call: Call) -> payment_pb2.Payment:
        """Pays for an order."""
        command = CreatePayment(
            user_id=UUID(call.user().id),
            order_id=UUID(request.order_id),
            stated_amount=mapping.stated_amount(request),
            stated_currency=request.currency.upper() if request.HasField("currency") else None,
            payment_method=request.payment_method_id,
            customer_id=request.customer_id if request.HasField("customer_id") else None,
            client_app=call.client_app,
            request=self._repeatable(request, call),
        )
        return mapping.answer_message(await self.create_payment(command))

    async def GetPayment(self, request: payment_pb2.GetPaymentRequest, call: Call) -> payment_pb2.Payment:
        """A payment; staff see more of it."""
        user = call.user()
        payment = await self.get_payment(GetPayment(UUID(request.id), UUID(user.id), user.is_staff))
        return mapping.staff_message(payment) if user.is_staff else mapping.payment_message(payment)

    async def ListPayments(
        self, request: payment_pb2.ListPaymentsRequest, call: Call
    ) -> payment_pb2.ListPaymentsResponse:
        """A page of payments, newest first."""
        user = call.user()
        command = ListPayments(
            user_id=UUID(user.id),
            is_staff=user.is_staff,
            order_id=UUID(request.order_id) if request.HasField("order_id") else None,
            before=_before(request.page_token),
            size=paging.page_size(request.page_size),
        )
        payments, last = await self.list_payments(command)
        return payment_pb2.ListPaymentsResponse(
            payments=map(mapping.staff_message if user.is_staff else mapping.payment_message, payments),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def ConfirmPayment(self, request: payment_pb2.ConfirmPaymentRequest, call: Call) -> payment_pb2.Payment:
        """Continues after a challenge."""
        return mapping.answer_message(
            await self.confirm_payment(ConfirmPayment(UUID(request.id), UUID(call.user().id)))
        )

    async def CreateRefund(self, request: payment_pb2.CreateRefundRequest, call: Call) -> payment_pb2.Refund:
        """Gives back all or a part of a payment."""
        command = CreateRefund(
            staff_id=UUID(call.user().id),
            payment_id=UUID(request.id),
            amount=mapping.stated_amount(request),
            reason=request.reason if request.HasField("reason") else None,
            request=self._repeatable(request, call),
            to_credit=request.to == STORE_CREDIT,
        )
        return mapping.refund_answer_message(await self.create_refund(command))

    async def ListRefunds(self, request: payment_pb2.ListRefundsRequest, call: Call) -> payment_pb2.ListRefundsResponse:
        """A page of a payment's refunds, newest first."""
        command = ListRefunds(UUID(request.id), _before(request.page_token), paging.page_size(request.page_size))
        refunds, last = await self.list_refunds(command)
        return payment_pb2.ListRefundsResponse(
            refunds=map(mapping.refund_message, refunds),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def GrantCredit(self, request: payment_pb2.GrantCreditRequest, call: Call) -> payment_pb2.CreditEntry:
        """Adds to a user's store credit."""
        command = GrantCredit(
            user_id=UUID(request.user_id),
            amount=money.exactly(request.amount),
            currency=request.currency.upper(),
            reason=request.reason,
            staff_id=UUID(call.user().id),
            request=self._repeatable(request, call),
        )
        return mapping.staff_credit_entry_message(await self.grant_credit(command))

    async def GetCredit(self, request: payment_pb2.GetCreditRequest, call: Call) -> payment_pb2.Credit:
        """A user's store credit."""
        user = call.user()
        command = GetCredit(UUID(request.user_id or user.id), UUID(user.id), user.is_staff)
        return mapping.credit_message(await self.get_credit(command))

    async def ListCreditEntries(
        self, request: payment_pb2.ListCreditEntriesRequest, call: Call
    ) -> payment_pb2.ListCreditEntriesResponse:
        """A page of the changes of a user's store credit, newest first."""
        user = call.user()
        command = ListCreditEntries(
            user_id=UUID(request.user_id or user.id),
            asked_by=UUID(user.id),
            is_staff=user.is_staff,
            before=_before(request.page_token),
            size=paging.page_size(request.page_size),
        )
        entries, last = await self.list_credit_entries(command)
        return payment_pb2.ListCreditEntriesResponse(
            entries=map(mapping.staff_credit_entry_message if user.is_staff else mapping.credit_entry_message, entries),
            next_page_token=paging.encode_page_token(str(last)) if last else "",
        )

    async def HandleStripeWebhook(self, request: HttpBody, call: Call) -> payment_pb2.WebhookReceipt:
        """Receives a webhook."""
        await self.webhooks(request.data, str(call.metadata.get("stripe-signature", "")))
        return payment_pb2.WebhookReceipt(received=True)

    async def ListPaymentDrifts(self, request: payment_pb2.ListPaymentDriftsRequest, call: Call) -> ListDriftsResponse:
        """What reconciliation found."""
        return await self.list_drifts(request.page_size, request.page_token)

    async def ListPaymentDeadLetters(
        self, request: payment_pb2.ListPaymentDeadLettersRequest, call: Call
    ) -> ListDeadLettersResponse:
        """The events that this service could not handle."""
        return await self.dead_letters.list(request.page_size, request.page_token)

    async def RedrivePaymentDeadLetter(
        self, request: payment_pb2.RedrivePaymentDeadLetterRequest, call: Call
    ) -> RedriveDeadLetterResponse:
        """Handles one of them again."""
        return await self.dead_letters.redrive(request.id, call.user().id)

    def _repeatable(self, request: Message, call: Call) -> Repeatable:
        return Repeatable(call.idempotency_key, idempotency.fingerprint(self.idempotency_secret, request))


@dataclass(frozen=True)
class PaymentLookupRpc:
    """argosy.payment.v1.PaymentLookupService."""

    look_up: LookUpOrderPaymentHandler

    async def LookUpOrderPayment(
        self, request: payment_lookup_pb2.LookUpOrderPaymentRequest, call: Call
    ) -> payment_lookup_pb2.OrderPayment:
        """How far the payment of an order is."""
        return mapping.order_payment_message(await self.look_up(LookUpOrderPayment(UUID(request.order_id))))


def _before(page_token: str) -> UUID | None:
    key = paging.decode_page_token(page_token, parts=1)
    try:
        return ids.parse_id(key[0]) if key else None
    except ValueError:
        raise paging.bad_page_token() from None
