"""What the reconciliation of the service compares."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.postgres import Postgres
from services.chassis.reconciliation import Comparison
from services.payment.compare_payments import ComparePayments
from services.payment.compare_stripe import CompareStripe
from services.payment.orders import Orders
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import StripeGateway
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund


def comparisons(
    postgres: Postgres, orders: Orders, gateway: StripeGateway, recorder: Recorder, settled: timedelta
) -> tuple[Comparison, ...]:
    """All of them, for the background routine and for `argosy reconcile`."""
    settle = SettlePayment(postgres, gateway, recorder)
    settle_refund = SettleRefund(postgres, gateway, recorder)
    return (
        ComparePayments(postgres, orders, recorder, settled),
        CompareStripe(postgres, gateway, settle, settle_refund, settled),
    )
