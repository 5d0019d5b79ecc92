"""What an order is, and the states it goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from types import MappingProxyType
from uuid import UUID

from services.chassis.plain import text
from services.chassis.plain.money import Money
from services.order.domain.countries import WITHOUT_POSTAL_CODES


class Status(StrEnum):
    """The state of an order."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


_FROM: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.PENDING: frozenset(),
        Status.CONFIRMED: frozenset({Status.PENDING}),
        Status.SHIPPED: frozenset({Status.CONFIRMED}),
        Status.DELIVERED: frozenset({Status.SHIPPED}),
        Status.CANCELLED: frozenset({Status.PENDING, Status.CONFIRMED}),
    }
)
"""The states from which each state can be reached."""


def can_follow(wanted: Status, current: Status) -> bool:
    """Whether an order in the state `current` can move to `wanted`."""
    return current in _FROM[wanted]


class Reason(StrEnum):
    """Why an order moved to another state."""

    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    UNPAID = "unpaid"
    STOCK_SHORT = "stock_short"
    """It was paid, and there is too little stock for it."""
    BY_OWNER = "by_owner"
    BY_STAFF = "by_staff"


class Standing(Enum):
    """Whether an order may still need its reserved stock."""

    OPEN = "open"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    """It was never stored, and never will be."""


class PaymentState(Enum):
    """The state of an order's payment."""

    NONE = "none"
    """Nobody is paying for it."""
    LIVE = "live"
    """A payment is under way or waits for a challenge."""
    PAID = "paid"


@dataclass(frozen=True)
class RequestedLine:
    """One line as a customer asks for it."""

    product_id: str
    quantity: int
    stated_price: Decimal | None = None
    """The price of one that the customer was shown; None: the request states no price."""


@dataclass(frozen=True)
class Line:
    """A quantity of one product, at its price when the order was placed."""

    product_id: str
    quantity: int
    price: Money
    """Of one."""


def total_of(lines: Sequence[Line]) -> Money:
    """The price of all lines, at least one, together. An order has one currency."""
    return Money(sum(line.quantity * line.price.minor for line in lines), lines[0].price.currency)


@dataclass(frozen=True)
class Address:
    """Where an order is shipped to."""

    street: str
    city: str
    state: str
    zip_code: str
    country: str


def address_problems(address: Address) -> Sequence[tuple[str, str]]:
    """What is wrong with an address: the parts by their camelCase names, and what they must be.

    A part that is present must have a visible character. A postal code may be absent where the country has none.
    """
    parts = {"street": address.street, "city": address.city, "state": address.state, "zipCode": address.zip_code}
    problems = [(name, "must hold more than blanks") for name, part in parts.items() if part and text.is_blank(part)]
    if not address.zip_code and address.country not in WITHOUT_POSTAL_CODES:
        problems.append(("zipCode", "must be given: the country has postal codes"))
    return problems


@dataclass(frozen=True)
class Order:
    """An order after its last commit."""

    id: UUID
    user_id: UUID
    lines: Sequence[Line]
    total: Money
    status: Status
    shipping_address: Address
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def is_final(self) -> bool:
        """Whether the order can move to no other state."""
        return not any(can_follow(wanted, self.status) for wanted in Status)


@dataclass(frozen=True)
class Actor:
    """The person who reads or moves an order."""

    user_id: UUID
    is_staff: bool
