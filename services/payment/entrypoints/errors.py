"""The service's errors → gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

from services.chassis.rpc.statuses import Fault
from services.payment.adapters.stripe.webhooks import BadSignature
from services.payment.domain.credit import CreditRefused, OnlyStaffSeeOthersCredit
from services.payment.domain.orders import AlreadyPaid, DiffersFromOrder, OrderNotFound, OrderNotPayable
from services.payment.domain.payments import (
    CustomerRefused,
    PaymentInProgress,
    PaymentMethodRefused,
    PaymentNotFound,
)
from services.payment.domain.refunds import NotRefundable, RefundRefused, RefundTooLarge
from services.payment.ports import ProviderAway

STATUSES: Mapping[type[Exception], Fault] = {
    OrderNotFound: Fault(StatusCode.NOT_FOUND, "NOT_FOUND"),
    PaymentNotFound: Fault(StatusCode.NOT_FOUND, "NOT_FOUND"),
    OrderNotPayable: Fault(StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PAYABLE"),
    AlreadyPaid: Fault(StatusCode.FAILED_PRECONDITION, "ALREADY_PAID"),
    PaymentInProgress: Fault(StatusCode.FAILED_PRECONDITION, "PAYMENT_IN_PROGRESS"),
    NotRefundable: Fault(StatusCode.FAILED_PRECONDITION, "NOT_REFUNDABLE"),
    RefundRefused: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    RefundTooLarge: Fault(StatusCode.FAILED_PRECONDITION, "REFUND_TOO_LARGE"),
    DiffersFromOrder: Fault(StatusCode.INVALID_ARGUMENT, "DIFFERS_FROM_ORDER"),
    CustomerRefused: Fault(StatusCode.INVALID_ARGUMENT, "CUSTOMER_REFUSED"),
    PaymentMethodRefused: Fault(StatusCode.INVALID_ARGUMENT, "PAYMENT_METHOD_REFUSED"),
    CreditRefused: Fault(StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    OnlyStaffSeeOthersCredit: Fault(StatusCode.PERMISSION_DENIED, "ONLY_STAFF_SEE_OTHERS_CREDIT"),
    BadSignature: Fault(StatusCode.INVALID_ARGUMENT, "BAD_SIGNATURE"),
    ProviderAway: Fault(StatusCode.UNAVAILABLE, "PAYMENT_PROVIDER_UNAVAILABLE"),
}
