"""What happened to an order. Adapters encode facts for the store and the bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.money import Money
from services.order.domain.orders import Address, Line, Reason, Status, total_of


@dataclass(frozen=True)
class OrderCreated:
    """An order was placed; its stock is reserved."""

    order_id: UUID
    user_id: UUID
    lines: Sequence[Line]
    shipping_address: Address

    @property
    def total(self) -> Money:
        """The price of all lines together."""
        return total_of(self.lines)


@dataclass(frozen=True)
class OrderStatusUpdated:
    """An order moved to another state."""

    order_id: UUID
    user_id: UUID
    status: Status
    previous_status: Status
    reason: Reason


Fact = OrderCreated | OrderStatusUpdated
