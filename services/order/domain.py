"""What an order is, and how it moves along.

Pure: no I/O, no clock, no protobuf. An order is nothing but what happened to it: commits of events, numbered from 1.
Commands look at the order that they add up to and answer with one more event, or refuse. Amounts are in minor units of
the order's currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from services.chassis.money import Money


class Status(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why an order moved along."""

    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    UNPAID = "unpaid"
    STOCK_SHORT = "stock_short"
    """It was paid, and what it needs is not there."""
    BY_OWNER = "by_owner"
    BY_STAFF = "by_staff"


@dataclass(frozen=True)
class Line:
    """So many of one product, at the price of the moment the order was placed."""

    product_id: str
    quantity: int
    price_minor: int


@dataclass(frozen=True)
class Address:
    """Where an order goes."""

    street: str
    city: str
    state: str
    zip_code: str
    country: str


@dataclass(frozen=True)
class OrderCreated:
    """An order was placed, and its stock is held."""

    order_id: str
    user_id: str
    lines: Sequence[Line]
    currency: str
    shipping_address: Address

    @property
    def total_minor(self) -> int:
        """What all lines cost together."""
        return sum(line.quantity * line.price_minor for line in self.lines)


@dataclass(frozen=True)
class OrderStatusUpdated:
    """An order moved along."""

    order_id: str
    user_id: str
    status: Status
    previous_status: Status
    reason: Reason


OrderEvent = OrderCreated | OrderStatusUpdated


@dataclass(frozen=True)
class Commit:
    """What happened to one order at one moment. A commit is written once and never changed."""

    order_id: str
    version: int
    """1, 2, 3 … without a gap: the order's version after it."""
    at: datetime
    events: Sequence[OrderEvent]
    token: str
    """Tells this commit from another that was to be the same version."""
    fingerprint: bytes | None = None
    """Of the request that placed the order, under an idempotency key."""
    cause: str | None = None
    """The event, by its id, that made it happen."""
    traceparent: str | None = None
    """The trace of the work that made it happen; its events carry it on."""
    published: bool = field(default=False, compare=False)
    """Whether the bus has its events."""

    @property
    def id(self) -> str:
        """Unique in the store: of two writers of one version, one wins."""
        return f"{self.order_id}:{self.version}"


def first_commit_id(order_id: str) -> str:
    """The id of the commit that creates an order: who has it stored decides whether there is one."""
    return f"{order_id}:1"


@dataclass(frozen=True)
class Actor:
    """Who looks at an order or moves it."""

    user_id: str
    is_staff: bool


@dataclass(frozen=True)
class Order:
    """An order as it stands after its last commit."""

    id: str
    user_id: str
    lines: Sequence[Line]
    total_minor: int
    currency: str
    status: Status
    shipping_address: Address
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def total(self) -> Money:
        """What it costs."""
        return Money(self.total_minor, self.currency)

    @property
    def is_final(self) -> bool:
        """Whether nothing follows the state it is in."""
        return not any(self.status in origins for origins in _FROM.values())


class OrderNotFound(Exception):
    """There is no such order, or it is somebody else's: the two are told alike."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id}")


class OwnerMayOnlyCancel(Exception):
    """Whose order it is may cancel it, and nothing else."""

    def __init__(self) -> None:
        super().__init__("you can only cancel your order; other changes of its status need the role staff")


class OnlyStaffListOthers(Exception):
    """Whoever is not staff lists their own orders alone."""

    def __init__(self) -> None:
        super().__init__("you can only list your own orders; omit userId")


class IllegalTransition(Exception):
    """An order cannot go from where it stands to where it was sent."""

    def __init__(self, order_id: str, current: Status, wanted: Status) -> None:
        super().__init__(f"order {order_id} is {current} and cannot become {wanted}")
        self.current = current
        self.metadata = {"currentStatus": str(current), "requestedStatus": str(wanted)}


_FROM: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.PENDING: frozenset(),
        Status.CONFIRMED: frozenset({Status.PENDING}),
        Status.SHIPPED: frozenset({Status.CONFIRMED}),
        Status.DELIVERED: frozenset({Status.SHIPPED}),
        Status.CANCELLED: frozenset({Status.PENDING, Status.CONFIRMED}),
    }
)
"""From where each state can be reached."""

_ONLY_WHILE_UNPAID = frozenset({Reason.PAYMENT_FAILED, Reason.UNPAID})
"""Reasons that say nothing about an order which is past waiting for its payment."""


def fold(commits: Sequence[Commit]) -> Order:
    """The order that its commits, in order and without a gap, add up to.

    Raises:
        ValueError: these are not the commits of one order from its first one on.
    """
    order: Order | None = None
    for expected, commit in enumerate(commits, start=1):
        if commit.version != expected:
            raise ValueError(f"commit {commit.id} stands where version {expected} should")
        for event in commit.events:
            order = _apply(order, event, commit)
    if order is None:
        raise ValueError("an order without commits is none")
    return order


def move(order: Order, status: Status, reason: Reason) -> OrderStatusUpdated | None:
    """What happens when the order is sent to a state; None: it is there already, nothing happens.

    Raises:
        IllegalTransition: it cannot get there from where it stands, or not for this reason.
    """
    if order.status is status:
        return None
    allowed = order.status in _FROM[status]
    if not allowed or (reason in _ONLY_WHILE_UNPAID and order.status is not Status.PENDING):
        raise IllegalTransition(order.id, order.status, status)
    return OrderStatusUpdated(order.id, order.user_id, status, order.status, reason)


def may_see(actor: Actor, order: Order) -> bool:
    """Whether an order is this person's to look at."""
    return actor.is_staff or actor.user_id == order.user_id


def check_may_list(actor: Actor, user_id: str) -> None:
    """Whether a person may list this customer's orders. Raises OnlyStaffListOthers."""
    if not actor.is_staff and actor.user_id != user_id:
        raise OnlyStaffListOthers


def move_by(actor: Actor, order: Order, status: Status) -> OrderStatusUpdated | None:
    """What happens when a person sends the order to a state; None: it is there already.

    Raises:
        OrderNotFound: it is not theirs to see.
        OwnerMayOnlyCancel: it is theirs, and they want more than to cancel it.
        IllegalTransition: it cannot get there from where it stands.
    """
    if not may_see(actor, order):
        raise OrderNotFound(order.id)
    if not actor.is_staff and status is not Status.CANCELLED:
        raise OwnerMayOnlyCancel
    return move(order, status, Reason.BY_OWNER if actor.user_id == order.user_id else Reason.BY_STAFF)


def was_caused_by(commits: Sequence[Commit], cause: str) -> bool:
    """Whether an event, by its id, has had its effect on the order already."""
    return any(commit.cause == cause for commit in commits)


def blank_fields(address: Address) -> Sequence[str]:
    """The parts of an address that hold nothing but space, by their camelCase names."""
    parts = {"street": address.street, "city": address.city, "state": address.state, "zipCode": address.zip_code}
    return [name for name, text in parts.items() if text and not text.strip()]


def _apply(order: Order | None, event: OrderEvent, commit: Commit) -> Order:
    if isinstance(event, OrderCreated):
        if order is not None:
            raise ValueError(f"commit {commit.id} creates an order that exists")
        return _created(event, commit)
    if order is None:
        raise ValueError(f"commit {commit.id} moves an order that was never created")
    return replace(order, status=event.status, updated_at=commit.at, version=commit.version)


def _created(event: OrderCreated, commit: Commit) -> Order:
    return Order(
        id=event.order_id,
        user_id=event.user_id,
        lines=event.lines,
        total_minor=event.total_minor,
        currency=event.currency,
        status=Status.PENDING,
        shipping_address=event.shipping_address,
        created_at=commit.at,
        updated_at=commit.at,
        version=commit.version,
    )
