"""Orders, as far as paying for one needs to know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.chassis.plain import money
from services.chassis.plain.money import Money


class OrderNotFound(Exception):
    """There is no such order, or it belongs to somebody else; callers cannot distinguish the two."""

    def __init__(self) -> None:
        super().__init__("order not found")


class OrderNotPayable(Exception):
    """The order has ended, or its amount cannot be charged."""


class AlreadyPaid(Exception):
    """The order is paid."""

    def __init__(self) -> None:
        super().__init__("this order is already paid")


class DiffersFromOrder(Exception):
    """The amount that the customer was shown is not what the order costs. `violations`: field and correct value."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {correct}" for name, correct in violations))
        self.violations = violations


@dataclass(frozen=True)
class Order:
    """What paying for an order needs to know of it."""

    id: UUID
    user_id: UUID
    status: str
    total: Money


@dataclass(frozen=True)
class KnownOrder:
    """An order as the order service has it, and when it last changed."""

    order: Order
    updated_at: datetime


def require_payable(order: Order, stated_amount: Decimal | None, stated_currency: str | None) -> None:
    """Checks that the order may be paid, and that it costs what the customer stated, where they stated anything.

    Raises AlreadyPaid, OrderNotPayable or DiffersFromOrder.
    """
    if order.status in ("confirmed", "shipped", "delivered"):
        raise AlreadyPaid
    if order.status != "pending":
        raise OrderNotPayable(f"this order is {order.status}; only a pending one can be paid")
    if order.total.minor <= 0:
        raise OrderNotPayable("this order has nothing to pay")
    problem = money.charge_problem(order.total)  # an order from before such orders were refused
    if problem is not None:
        raise OrderNotPayable(f"an order of {order.total} cannot be paid: a charge {problem}")
    violations = []
    if stated_amount is not None and stated_amount != order.total.decimal:
        violations.append(("amount", f"must be the order's total, {order.total.text}"))
    if stated_currency is not None and stated_currency != order.total.currency:
        violations.append(("currency", f"must be the order's, {order.total.currency}"))
    if violations:
        raise DiffersFromOrder(violations)
