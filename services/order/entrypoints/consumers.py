"""Events of other services → commands. Consumer group: order-service-group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from uuid import UUID

from argosy.event.v1.inventory_events_pb2 import StockShort
from argosy.event.v1.payment_events_pb2 import PaymentConfirmed, PaymentFailed
from services.chassis.bus.events import Event
from services.chassis.bus.handling import Handler
from services.order.use_cases.apply_payment import ApplyPayment, ApplyPaymentHandler
from services.order.use_cases.cancel_short import CancelShort, CancelShortHandler

CONSUMER = "order-service-group"


def handlers(apply_payment: ApplyPaymentHandler, cancel_short: CancelShortHandler) -> Mapping[str, Handler]:
    """Event type → handler."""

    async def payment_confirmed(event: Event) -> None:
        order_id = cast(PaymentConfirmed, event.message).order_id
        await apply_payment(ApplyPayment(event.id, UUID(order_id), succeeded=True))

    async def payment_failed(event: Event) -> None:
        order_id = cast(PaymentFailed, event.message).order_id
        await apply_payment(ApplyPayment(event.id, UUID(order_id), succeeded=False))

    async def stock_short(event: Event) -> None:
        order_id = cast(StockShort, event.message).order_id
        await cancel_short(CancelShort(event.id, UUID(order_id)))

    return {
        "PAYMENT_CONFIRMED": payment_confirmed,
        "PAYMENT_FAILED": payment_failed,
        "STOCK_SHORT": stock_short,
    }
