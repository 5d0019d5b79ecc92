"""Who may see, list and move orders, and what a move makes happen."""

from __future__ import annotations

from uuid import UUID

from services.order.domain.facts import OrderStatusUpdated
from services.order.domain.orders import Actor, Order, Reason, Status, can_follow

_ONLY_WHILE_UNPAID = frozenset({Reason.PAYMENT_FAILED, Reason.UNPAID})
"""Reasons that apply to an order only while it waits for its payment."""


class OrderNotFound(Exception):
    """There is no such order, or it is another customer's. Callers cannot distinguish the two."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"there is no order {order_id}")


class OwnerMayOnlyCancel(Exception):
    """The order's owner may cancel it and do nothing else to it."""

    def __init__(self) -> None:
        super().__init__("you can only cancel your order; other changes of its status need the role staff")


class OnlyStaffListOthers(Exception):
    """A caller who is not staff may list their own orders only."""

    def __init__(self) -> None:
        super().__init__("you can only list your own orders; omit userId")


class IllegalTransition(Exception):
    """An order cannot move from its state to the requested one."""

    def __init__(self, order_id: UUID, current: Status, wanted: Status) -> None:
        super().__init__(f"order {order_id} is {current} and cannot become {wanted}")
        self.current = current
        self.metadata = {"currentStatus": str(current), "requestedStatus": str(wanted)}


def may_see(actor: Actor, order: Order) -> bool:
    """Whether the person may see the order."""
    return actor.is_staff or actor.user_id == order.user_id


def require_may_list(actor: Actor, user_id: UUID) -> None:
    """Raises OnlyStaffListOthers if the person may not list this customer's orders."""
    if not actor.is_staff and actor.user_id != user_id:
        raise OnlyStaffListOthers


def move(order: Order, status: Status, reason: Reason) -> OrderStatusUpdated | None:
    """What happens when the order is moved to a state. None: it is in that state already, and nothing happens.

    Raises:
        IllegalTransition: it cannot move there from its state, or not for this reason.
    """
    if order.status is status:
        return None
    allowed = can_follow(status, order.status)
    if not allowed or (reason in _ONLY_WHILE_UNPAID and order.status is not Status.PENDING):
        raise IllegalTransition(order.id, order.status, status)
    return OrderStatusUpdated(order.id, order.user_id, status, order.status, reason)


def move_by(actor: Actor, order: Order, status: Status) -> OrderStatusUpdated | None:
    """What happens when a person moves the order to a state. None: it is in that state already.

    Raises:
        OrderNotFound: the person may not see the order.
        OwnerMayOnlyCancel: the order is theirs, and they want another state than cancelled.
        IllegalTransition: it cannot move there from its state.
    """
    if not may_see(actor, order):
        raise OrderNotFound(order.id)
    if not actor.is_staff and status is not Status.CANCELLED:
        raise OwnerMayOnlyCancel
    return move(order, status, Reason.BY_OWNER if actor.user_id == order.user_id else Reason.BY_STAFF)
