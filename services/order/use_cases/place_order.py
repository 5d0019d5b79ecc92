"""Place an order: hold its stock, then put it on record.

The order's id decides everything. With an idempotency key it follows from the caller and the key, so every repeat, at
the same time or after a crash, holds stock for the same order (inventory answers a repeat alike) and races for the same
first commit, which one of them wins; the others answer with it.

Stock is given back at once only where nobody else can have the same order: without a key, when the commit failed for
certain. With a key somebody else may just have stored it, or will with this very hold; and after an unknown outcome the
commit may yet appear. Then inventory asks when the hold's time is over (resolve_orders.py): for an order that is stored
by then it stays, and one that is not never will be, however long whoever is placing it has been paused.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.chassis import ids, logs
from services.chassis.errors import FieldViolation, IdempotencyMismatch, InvalidArgument
from services.chassis.shielded import shielded
from services.order.domain import Address, Order, OrderCreated, blank_fields, fold
from services.order.inventory import HeldForOtherLines, HoldEnded, Inventory, RequestedLine
from services.order.journal import Contended, History, Journal
from services.order.store import NotStored, OrderClosed, VersionTaken

_ORDER_IDS = UUID("0b7f3a52-8f0e-5a4b-bb1c-7c2f5d1e9a60")
_RELEASE_SECONDS = 5.0

_log = structlog.get_logger()


@dataclass(frozen=True)
class PlaceOrderCommand:
    """What is ordered, by whom, and where it goes."""

    user_id: str
    stated_user_id: str | None
    """Whom the request names as the one who orders, if it does."""
    lines: Sequence[RequestedLine]
    shipping_address: Address
    idempotency_key: str | None
    fingerprint: bytes
    """Of the request, to tell a repeat from another request under the same key."""


@dataclass(frozen=True)
class PlaceOrder:
    """Places orders."""

    journal: Journal
    inventory: Inventory

    async def __call__(self, command: PlaceOrderCommand) -> Order:
        """The order as it was placed: now, or by the first call with the same key.

        Raises:
            InvalidArgument: somebody else's userId, blank parts of the address, an unknown product, another price, a
                total that cannot be charged.
            IdempotencyMismatch: the key was used with other content.
            OutOfStock: too little of a product is available.
            HoldEnded: the stock was held too long ago, by this call or by one that died; nobody can have this order.
            Contended: the first call with the key is being stored just now.
            NotStored, OutcomeUnknown: as CommitStore.append says.
        """
        _check(command)
        if command.idempotency_key is None:
            return await self._place(str(ids.new_id()), command)
        order_id = order_id_of(command.user_id, command.idempotency_key)
        placed = await self.journal.history(order_id)
        return _replay(placed, command) if placed else await self._place_once(order_id, command)

    async def _place_once(self, order_id: str, command: PlaceOrderCommand) -> Order:
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

    async def _place(self, order_id: str, command: PlaceOrderCommand) -> Order:
        hold = await self.inventory.hold(order_id, command.lines)
        event = OrderCreated(order_id, command.user_id, tuple(hold.lines), hold.currency, command.shipping_address)
        keyed = command.idempotency_key is not None
        try:
            return fold(await self.journal.record((), event, fingerprint=command.fingerprint if keyed else None))
        except OrderClosed:  # the repeat of a call that died may have found the hold, and made it last
            await self._release(order_id)
            raise HoldEnded from None
        except NotStored:
            if not keyed:
                await self._release(order_id)
            raise

    async def _release(self, order_id: str) -> None:
        try:
            await shielded(self.inventory.release(order_id), at_most=_RELEASE_SECONDS)
        except Exception as error:  # the caller's own error counts; the hold ends by itself
            _log.warning("hold_left_to_expire", order_id=order_id, error=logs.error_text(error))


def order_id_of(user_id: str, idempotency_key: str) -> str:
    """The id of the one order that a person places with this key."""
    return str(ids.derived_id(_ORDER_IDS, user_id, idempotency_key))


def _check(command: PlaceOrderCommand) -> None:
    violations = [
        FieldViolation(f"shippingAddress.{name}", "must hold more than blanks")
        for name in blank_fields(command.shipping_address)
    ]
    if command.stated_user_id not in (None, command.user_id):
        violations.append(FieldViolation("userId", "must be your own id, or be left out"))
    if violations:
        raise InvalidArgument(violations)


def _replay(placed: History, command: PlaceOrderCommand) -> Order:
    """What the first call with the key answered, whatever has happened to the order since."""
    first = placed[0]
    if not hmac.compare_digest(first.fingerprint or b"", command.fingerprint):
        raise IdempotencyMismatch
    return fold([first])
