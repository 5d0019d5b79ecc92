"""Place an order: reserve its stock, then store its first commit.

The order's id decides everything. With an idempotency key the id follows from the caller and the key. So every repeat,
at the same time or after a crash, reserves stock for the same order (inventory answers a repeat alike) and races for
the same first commit, which one of them wins; the others answer with that commit.

Stock is released at once only where no other call can have the same order: without a key, when the commit certainly
failed. With a key another call may just have stored the order, or will with this very reservation; and after an unknown
outcome the commit may yet appear. Then inventory asks when the reservation's time is over (resolve_orders.py): a stored
order keeps its stock, and one that is not stored never will be, however long its caller was paused.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis.plain import ids, transient
from services.chassis.plain.errors import FieldViolation, IdempotencyMismatch, InvalidArgument
from services.chassis.plain.shielded import shielded
from services.chassis.plain.unit_of_work import Repeatable
from services.order.domain.facts import OrderCreated
from services.order.domain.history import History, fold
from services.order.domain.orders import Address, Order, RequestedLine, address_problems
from services.order.ports import HeldForOtherLines, HoldEnded, Inventory, NotStored, OrderClosed, VersionTaken
from services.order.use_cases.journal import Contended, Journal

_ORDER_IDS = UUID("0b7f3a52-8f0e-5a4b-bb1c-7c2f5d1e9a60")
_RELEASE_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass(frozen=True)
class PlaceOrder:
    """What is ordered, by whom, and where it is shipped to."""

    user_id: UUID
    stated_user_id: UUID | None
    """The customer whom the request names, if it names one."""
    lines: Sequence[RequestedLine]
    shipping_address: Address
    request: Repeatable


@dataclass(frozen=True)
class PlaceOrderHandler:
    """Places orders, once a key."""

    journal: Journal
    inventory: Inventory

    async def __call__(self, command: PlaceOrder) -> Order:
        """The order as it was placed: now, or by the first call with the same key.

        Raises:
            InvalidArgument: another customer's userId, blank parts of the address, an unknown product, another price,
                a total that cannot be charged.
            IdempotencyMismatch: the key was used with other content.
            OutOfStock: too little of a product is available.
            TooMuchHeld: the customer has too many unpaid orders, or too much in them.
            HoldEnded: the stock was reserved too long ago, by this call or by one that died; the order cannot be
                placed any more.
            Contended: the first call with the key is being stored just now.
            NotStored, OutcomeUnknown: see Commits.append.
        """
        _check(command)
        if command.request.key is None:
            return await self._place(ids.new_id(), command)
        order_id = order_id_of(command.user_id, command.request.key)
        placed = await self.journal.history(order_id)
        return _replay(placed, command) if placed else await self._place_once(order_id, command)

    async def _place_once(self, order_id: UUID, command: PlaceOrder) -> Order:
        try:
            return await self._place(order_id, command)
        except VersionTaken:
            placed = await self.journal.history(order_id)
            if not placed:  # stored, and not yet by a majority of the servers
                raise Contended from None
            return _replay(placed, command)
        except (HeldForOtherLines, HoldEnded) as refusal:
            placed = await self.journal.history(order_id)
            if placed:  # by another call, since this one looked
                return _replay(placed, command)
            if isinstance(refusal, HeldForOtherLines):
                raise IdempotencyMismatch from None
            raise

    async def _place(self, order_id: UUID, command: PlaceOrder) -> Order:
        lines = await self.inventory.hold(order_id, command.user_id, command.lines)
        event = OrderCreated(order_id, command.user_id, tuple(lines), command.shipping_address)
        keyed = command.request.key is not None
        fingerprint = command.request.fingerprint if keyed else None
        try:
            return fold(await self.journal.record((), event, fingerprint=fingerprint))
        except OrderClosed:  # the repeat of a call that died may have found the reservation, and extended it
            await self._release(order_id)
            raise HoldEnded from None
        except NotStored:
            if not keyed:
                await self._release(order_id)
            raise

    async def _release(self, order_id: UUID) -> None:
        try:
            await shielded(self.inventory.release(order_id), at_most=_RELEASE_SECONDS)
        except Exception as error:  # the caller's own error counts; the reservation ends by itself
            _log.warning("hold_left_to_expire", order_id=str(order_id), error=transient.reason(error))


def order_id_of(user_id: UUID, idempotency_key: str) -> UUID:
    """The id of the one order that a person places with this key."""
    return ids.derived_id(_ORDER_IDS, str(user_id), idempotency_key)


def _check(command: PlaceOrder) -> None:
    violations = [
        FieldViolation(f"shippingAddress.{name}", problem)
        for name, problem in address_problems(command.shipping_address)
    ]
    if command.stated_user_id not in (None, command.user_id):
        violations.append(FieldViolation("userId", "must be your own id, or be left out"))
    if violations:
        raise InvalidArgument(violations)


def _replay(placed: History, command: PlaceOrder) -> Order:
    """The answer to the first call with the key, whatever has happened to the order since."""
    first = placed[0]
    if not hmac.compare_digest(first.fingerprint or b"", command.request.fingerprint):
        raise IdempotencyMismatch
    return fold([first])
