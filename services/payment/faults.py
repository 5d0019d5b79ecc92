"""Which of the service's errors is told how."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from services.chassis.statuses import Fault
from services.payment.domain import (
    AlreadyPaid,
    DiffersFromOrder,
    NotRefundable,
    OrderNotPayable,
    PaymentInProgress,
    RefundRefused,
    RefundTooLarge,
)
from services.payment.first_answers import CustomerRefused, PaymentMethodRefused
from services.payment.orders import OrderNotFound
from services.payment.stripe_gateway import ProviderAway
from services.payment.stripe_webhooks import BadSignature
from services.payment.use_cases.show_payments import PaymentNotFound

FAULTS: Mapping[type[Exception], Fault] = {
    OrderNotFound: Fault(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    PaymentNotFound: Fault(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    OrderNotPayable: Fault(grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PAYABLE"),
    AlreadyPaid: Fault(grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_PAID"),
    PaymentInProgress: Fault(grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_IN_PROGRESS"),
    NotRefundable: Fault(grpc.StatusCode.FAILED_PRECONDITION, "NOT_REFUNDABLE"),
    RefundRefused: Fault(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    RefundTooLarge: Fault(grpc.StatusCode.FAILED_PRECONDITION, "REFUND_TOO_LARGE"),
    DiffersFromOrder: Fault(grpc.StatusCode.INVALID_ARGUMENT, "DIFFERS_FROM_ORDER"),
    CustomerRefused: Fault(grpc.StatusCode.INVALID_ARGUMENT, "CUSTOMER_REFUSED"),
    PaymentMethodRefused: Fault(grpc.StatusCode.INVALID_ARGUMENT, "PAYMENT_METHOD_REFUSED"),
    BadSignature: Fault(grpc.StatusCode.INVALID_ARGUMENT, "BAD_SIGNATURE"),
    ProviderAway: Fault(grpc.StatusCode.UNAVAILABLE, "PAYMENT_PROVIDER_UNAVAILABLE"),
}
