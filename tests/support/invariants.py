"""What must be true once everything has settled, whatever was done to the system meanwhile.

- Every order that was accepted is confirmed (or further) and paid once, or cancelled and not charged; one that nobody
  has paid yet may be pending. What staff give back of a payment leaves its order as it is.
- Money that a cancelled order holds all the same needs a person, and is reported as stranded.
- The books, the table of payments and their providers (Stripe, store credit) agree to the cent, also on what disputes
  have moved. A balance of store credit is what its entries come to, and never below zero.
- Stock on hand and sold is what there was in the beginning and what staff have added since; what is held is what
  reservations say; the history of moves comes to both.
- Whoever has to hear of an order has heard once, and whoever has registered was welcomed; who is gone hears nothing.
- Every event has reached its topic; an order's are there in sequence; one that came again is the same; none became a
  dead letter.
- No order lost its stock because time passed.
- Mails go to the address that the account has.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from argosy.event.v1.inventory_events_pb2 import StockReleased
from tests.support import facts
from tests.support.facts import Facts, Order, Stock
from tests.support.real_stack import RealStack

PATIENCE_SECONDS = 240.0
_LOOK_EVERY_SECONDS = 1.0

_PAID = frozenset({"confirmed", "shipped", "delivered"})
_LIVE = frozenset({"pending", "processing", "requires_action"})
_HOLDING_MONEY = frozenset({"succeeded", "partially_refunded"})
_RESERVATION_OF = {"pending": "held", **dict.fromkeys(_PAID, "committed"), "cancelled": "released"}
_MAIL_ABOUT = {"confirmed": "order_confirmed", "cancelled": "order_cancelled", "shipped": "order_shipped"}
_ONCE_AN_ORDER = (
    *("ORDER_CREATED", "STOCK_RESERVED", "STOCK_RELEASED", "STOCK_SHORT"),
    *("PAYMENT_CONFIRMED", "PAYMENT_FAILED"),
)
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.TransportError, KafkaError, PyMongoError)


@dataclass(frozen=True)
class Baseline:
    """How things stood before: from then on everything is counted."""

    since: datetime
    stock: Mapping[str, Stock]
    dead_letters: int


async def baseline(stack: RealStack) -> Baseline:
    """How things stand now."""
    now = datetime.now(UTC)
    found = await facts.gather(stack, now)
    # To the millisecond, as the document store keeps time.
    since = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Baseline(since, found.stock, found.dead_letters)


async def hold(
    stack: RealStack,
    before: Baseline,
    *,
    mail_may_repeat: bool = False,
    expired_by_hand: Collection[str] = (),
    patience: float = PATIENCE_SECONDS,
) -> Facts:
    """Wait until the system has settled with all invariants true; fails with those that stay broken.

    mail_may_repeat: a process was killed that may have had a mail taken and not noted it: it is sent again, under the
    same Message-ID, by which mail readers know it for the same one.
    expired_by_hand: orders whose holds the test itself let expire, as versions did that released stock by time.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            found = await facts.gather(stack, before.since)
        except _AWAY as error:
            wrong = [f"cannot be asked: {error!r}"]
        else:
            wrong = broken(found, before, mail_may_repeat=mail_may_repeat, expired_by_hand=expired_by_hand)
            if not wrong:
                return found
        assert time.monotonic() < give_up, "\n".join(["invariants are broken:", *wrong])
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def broken(
    found: Facts, before: Baseline, *, mail_may_repeat: bool = False, expired_by_hand: Collection[str] = ()
) -> list[str]:
    """What is not as it must be, one sentence each."""
    return [
        *_orders(found),
        *_money(found),
        *_credit(found),
        *_stock(found, before),
        *_mail(found, mail_may_repeat),
        *_welcomes(found),
        *_readers(found),
        *_events(found, before),
        *_sequences(found),
        *_contents(found),
        *_holds(found, expired_by_hand),
    ]


def _orders(found: Facts) -> Iterator[str]:
    failed = {
        record.key.decode(errors="replace") for record in found.bus if record.header("ce_type") == "PAYMENT_FAILED"
    }
    for order in found.orders.values():
        payments = [payment for payment in found.payments if payment.order_id == order.id]
        holding = [payment for payment in payments if payment.status in _HOLDING_MONEY]
        processing = [payment for payment in payments if payment.status in _LIVE - {"requires_action"}]
        if processing:
            yield f"order {order.id}: a payment is {processing[0].status}"
        given_back = [payment for payment in payments if payment.status == "refunded" and payment.by_staff]
        if order.status in _PAID and len(holding + given_back) != 1:
            yield f"order {order.id} is {order.status} with {len(holding)} payments that hold money"
        if order.status not in _PAID and not all(payment.alarmed for payment in holding):
            yield f"order {order.id} is {order.status} and paid"
        if order.status == "pending" and order.id in failed:
            yield f"order {order.id} is pending, and its payment has failed"
        if order.status == "cancelled" and any(payment.status in _LIVE for payment in payments):
            yield f"order {order.id} is cancelled, and a payment of it is open"
        if order.shown_status != order.status:
            yield f"order {order.id} is {order.status}, and lists show it as {order.shown_status}"
        yield from _reservation(order, found)


def _reservation(order: Order, found: Facts) -> Iterator[str]:
    reservation = found.reservations.get(order.id)
    if reservation is None:
        yield f"order {order.id} has no reservation"
    elif reservation.status != _RESERVATION_OF[order.status]:
        yield f"order {order.id} is {order.status}, and its stock is {reservation.status}"
    elif dict(reservation.quantities) != dict(order.quantities):
        yield f"order {order.id} has other lines than its reservation"


def _money(found: Facts) -> Iterator[str]:
    at_stripe = {charged.payment_id: charged for charged in found.charged}
    intents = Counter(charged.payment_id for charged in found.charged)
    known = {payment.id for payment in found.payments}
    for payment_id, count in intents.items():
        if count > 1 or payment_id not in known:
            yield f"payment {payment_id or '?'} has {count} intents at Stripe"
    for payment in found.payments:
        charged = at_stripe.get(payment.id)
        captured, refunded = (charged.captured, charged.refunded) if charged else (Decimal(), Decimal())
        if charged and charged.charges > 1:
            yield f"payment {payment.id} was charged {charged.charges} times"
        if (payment.captured, payment.refunded - payment.to_credit) != (captured, refunded):
            booked = f"{payment.captured} - {payment.refunded}"
            yield f"payment {payment.id}: booked {booked}, at Stripe {captured} - {refunded}"
        if payment.to_credit != payment.credited:
            yield f"payment {payment.id}: {payment.to_credit} went to store credit, which has {payment.credited} of it"
        disputed = charged.disputed if charged else Decimal()
        if payment.disputed != disputed:
            yield f"payment {payment.id}: {payment.disputed} is booked for disputes, at Stripe {disputed}"
        if _held_by(payment.status, payment.amount, payment.refunded) != payment.captured - payment.refunded:
            yield f"payment {payment.id} is {payment.status}, and {payment.captured} - {payment.refunded} is booked"
        order = found.orders[payment.order_id]
        if payment.amount != order.total:
            yield f"payment {payment.id} is of {payment.amount}, its order costs {order.total}"


def _credit(found: Facts) -> Iterator[str]:
    for account in found.credit:
        if account.balance != account.entries or account.balance < 0:
            balance = f"{account.balance} {account.currency}"
            yield f"user {account.user_id} has {balance} of store credit, entries come to {account.entries}"


def _held_by(status: str, amount: Decimal, refunded: Decimal) -> Decimal:
    """How much money a payment in this state holds."""
    if status == "succeeded":
        return amount
    return amount - refunded if status == "partially_refunded" else Decimal()


def _stock(found: Facts, before: Baseline) -> Iterator[str]:
    for product_id, was in before.stock.items():
        now = found.stock[product_id]
        there_were = was.on_hand + was.sold + now.adjusted - was.adjusted
        if now.on_hand + now.sold != there_were:
            yield f"{product_id}: {now.on_hand} on hand and {now.sold} sold, of {there_were}"
        if now.held - now.promised != was.held - was.promised:
            yield f"{product_id}: {now.held} held, and reservations for {now.promised}"
    for product_id, now in found.stock.items():
        if now.moved != (now.on_hand, now.held):
            yield f"{product_id}: {now.on_hand} on hand and {now.held} held, and moves come to {now.moved}"


def _mail(found: Facts, may_repeat: bool) -> Iterator[str]:
    written = Counter((message.order_id, message.type) for message in found.messages)
    due = Counter(
        (order.id, _MAIL_ABOUT[commit.status])
        for order in found.orders.values()
        for commit in order.commits
        if commit.status in _MAIL_ABOUT
    )
    due.update((order_id, "payment_refunded") for order_id in _orders_with(found, "PAYMENT_REFUNDED"))
    due.update((order_id, "payment_refund_failed") for order_id in _orders_with(found, "PAYMENT_REFUND_FAILED"))
    for order_id, kind in due.keys() | written.keys():
        if written[order_id, kind] != due[order_id, kind]:
            yield f"order {order_id}: {written[order_id, kind]} messages of type {kind}"
    for message in found.messages:
        if message.status == "dropped" and found.orders[message.order_id].user_id in found.gone:
            continue  # its reader has deleted the account
        if message.status != "sent":
            yield f"message {message.id} is {message.status}"
        elif message.mails != 1 and not (may_repeat and message.mails):
            yield f"message {message.id} came in {message.mails} mails"


def _welcomes(found: Facts) -> Iterator[str]:
    for user_id, status in found.welcomes.items():
        if status not in ("sent", "dropped"):
            yield f"the message that welcomes {user_id} is {status or 'not written'}"


def _readers(found: Facts) -> Iterator[str]:
    for user_id, person in found.people.items():
        reader = found.readers.get(user_id)
        if reader is not None and reader != person:
            yield f"mails to {user_id} go to another address or name than the account has"


def _orders_with(found: Facts, kind: str) -> Iterator[str]:
    """The order of each event of a kind on the bus, once for all its copies."""
    published = {
        (record.header("ce_id"), record.key.decode(errors="replace"))
        for record in found.bus
        if record.header("ce_type") == kind
    }
    return (order_id for _, order_id in published if order_id in found.orders)


def _events(found: Facts, before: Baseline) -> Iterator[str]:
    if found.dead_letters != before.dead_letters:
        yield f"{found.dead_letters - before.dead_letters} events became dead letters"
    on_the_bus = {record.header("ce_id") for record in found.bus}
    for event in found.outboxes:
        if not event.sent or event.id not in on_the_bus:
            yield f"{event.type} {event.id} of {event.key} is not on the bus"
    distinct = {
        (record.key.decode(errors="replace"), record.header("ce_type"), record.header("ce_id")) for record in found.bus
    }
    times = Counter((key, kind) for key, kind, _ in distinct if key in found.orders)
    for (key, kind), count in times.items():
        if kind in _ONCE_AN_ORDER and count > 1:
            yield f"order {key} has {count} different {kind}"


def _sequences(found: Facts) -> Iterator[str]:
    """An order's events, each at its first appearance, are its commits, in order and without a gap."""
    heard: dict[str, dict[str, tuple[int, str]]] = {order_id: {} for order_id in found.orders}
    for record in found.bus:
        if record.topic == "order-events" and record.key.decode(errors="replace") in heard:
            event = (int(record.header("ce_sequence")), record.header("ce_type"))
            heard[record.key.decode(errors="replace")].setdefault(record.header("ce_id"), event)
    for order in found.orders.values():
        happened = [(commit.version, commit.type) for commit in order.commits]
        if [version for version, _ in happened] != list(range(1, len(happened) + 1)):
            yield f"order {order.id} has the versions {_as_text(happened)}"
        if list(heard[order.id].values()) != happened:
            yield f"order {order.id}: {_as_text(happened)} happened, {_as_text(heard[order.id].values())} is on the bus"
        if not all(commit.published for commit in order.commits):
            yield f"order {order.id} has commits that are not marked as published"


def _contents(found: Facts) -> Iterator[str]:
    """An event that is published again is the same."""
    contents: dict[str, bytes] = {}
    for record in found.bus:
        event_id = record.header("ce_id")  # "" for what is no event
        if event_id and contents.setdefault(event_id, record.value) != record.value:
            yield f"event {event_id} of {record.key.decode(errors='replace')} is on the bus with two contents"


def _holds(found: Facts, expired_by_hand: Collection[str]) -> Iterator[str]:
    """Time alone takes no stock from an order that exists."""
    released = {record.value for record in found.bus if record.header("ce_type") == "STOCK_RELEASED"}
    for event in map(StockReleased.FromString, released):
        of_an_order = event.order_id in found.orders and event.order_id not in expired_by_hand
        if of_an_order and event.reason == "expired":
            yield f"order {event.order_id}: its stock was released because time passed"


def _as_text(events: Iterable[tuple[int, str]]) -> str:
    return f"[{', '.join(f'{version} {kind}' for version, kind in events)}]"
