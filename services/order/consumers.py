"""What the service does about what it hears on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from argosy.event.v1.inventory_events_pb2 import StockShort
from argosy.event.v1.payment_events_pb2 import PaymentConfirmed, PaymentFailed
from services.chassis.events import Event
from services.chassis.handling import Handler
from services.order.use_cases.apply_payment import ApplyPayment, PaymentOutcome
from services.order.use_cases.end_short import EndShort

GROUP = "order-service-group"


def handlers(apply_payment: ApplyPayment, end_short: EndShort) -> Mapping[str, Handler]:
    """Event type → handler."""

    async def payment_confirmed(event: Event) -> None:
        order_id = cast(PaymentConfirmed, event.message).order_id
        await apply_payment(PaymentOutcome(order_id.lower(), succeeded=True, event_id=str(event.id)))

    async def payment_failed(event: Event) -> None:
        order_id = cast(PaymentFailed, event.message).order_id
        await apply_payment(PaymentOutcome(order_id.lower(), succeeded=False, event_id=str(event.id)))

    async def stock_short(event: Event) -> None:
        await end_short(cast(StockShort, event.message).order_id.lower(), str(event.id))

    return {
        "PAYMENT_CONFIRMED": payment_confirmed,
        "PAYMENT_FAILED": payment_failed,
        "STOCK_SHORT": stock_short,
    }
