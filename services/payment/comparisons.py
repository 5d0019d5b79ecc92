"""What the reconciliation of the service compares."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.comparison import Comparison
from services.chassis.postgres import Postgres
from services.payment.compare_payments import ComparePayments
from services.payment.compare_stripe import CompareStripe
from services.payment.orders import Orders
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund


def comparisons(
    postgres: Postgres, orders: Orders, settle: SettlePayment, settle_refund: SettleRefund, settled: timedelta
) -> tuple[Comparison, ...]:
    """All of them, for the background routine and for `argosy reconcile`."""
    return (
        ComparePayments(postgres, orders, settle.recorder, settled),
        CompareStripe(postgres, settle.gateway, settle, settle_refund, settled),
    )
