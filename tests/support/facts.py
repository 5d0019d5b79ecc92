"""What every part of the stack holds to be true, read from each one's own store: material for the invariants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
from motor.motor_asyncio import AsyncIOMotorClient

from facts.system import system
from stripe_sandbox.currencies import decimals
from tests.support import bus
from tests.support.bus import Record
from tests.support.real_stack import RealStack
from tests.support.sandbox import Sandbox

_CALL_SECONDS = 60.0
_MAILS_A_PAGE = 1000
OUTBOXES = tuple(one.name for one in system().with_store("postgres") if one.topic is not None)
"""Services that publish from a table."""


@dataclass(frozen=True)
class Commit:
    """One commit of an order's history."""

    version: int
    type: str
    status: str
    """The order's status after it."""
    published: bool


@dataclass(frozen=True)
class Order:
    """An order as its commits have it, and as the read side shows it."""

    id: str
    user_id: str
    placed_at: datetime
    total: Decimal
    quantities: Mapping[str, int]
    commits: tuple[Commit, ...]
    shown_status: str | None

    @property
    def status(self) -> str:
        """Where it stands."""
        return self.commits[-1].status


@dataclass(frozen=True)
class Payment:
    """A payment as the payment service has it. Amounts are what they are in the books and the table."""

    id: str
    order_id: str
    status: str
    amount: Decimal
    late: bool
    captured: Decimal
    refunded: Decimal
    """Less what came back of refunds."""
    by_staff: Decimal = Decimal()
    """What of that staff gave back: it ends no order."""
    disputed: Decimal = Decimal()
    """What banks took through disputes, less what they gave back."""
    alarmed: bool = False
    """Whether it was reported as needing a person, or a person has settled it."""
    to_credit: Decimal = Decimal()
    """What of the refunds went to the customer's store credit, while the money stays at the payment's provider."""
    credited: Decimal = Decimal()
    """What the ledger of store credit has of such refunds."""


@dataclass(frozen=True)
class Charged:
    """What a provider did for one charge: Stripe, or store credit. Amounts in the currency's main unit."""

    intent_id: str
    payment_id: str
    order_id: str
    status: str
    captured: Decimal
    refunded: Decimal
    charges: int
    """Those that took money."""
    disputed: Decimal = Decimal()
    """What banks took through disputes, less what they gave back."""


@dataclass(frozen=True)
class CreditAccount:
    """A customer's store credit in one currency, and what its entries come to."""

    user_id: str
    currency: str
    balance: Decimal
    entries: Decimal


@dataclass(frozen=True)
class Reservation:
    """What an order holds or has taken of the stock."""

    order_id: str
    status: str
    quantities: Mapping[str, int]


@dataclass(frozen=True)
class Stock:
    """A product's numbers, beside what its reservations and its history add up to."""

    on_hand: int
    held: int
    promised: int
    sold: int
    adjusted: int
    """What staff added, less what they took."""
    moved: tuple[int, int]
    """What all moves come to: on hand, held."""


@dataclass(frozen=True)
class Message:
    """A message that the notification service wrote, and in how many mails it arrived."""

    id: str
    event_id: str
    order_id: str
    type: str
    status: str
    mails: int


@dataclass(frozen=True)
class Person:
    """How a person is written to."""

    email: str
    name: str


@dataclass(frozen=True)
class OutboxEvent:
    """An event in an outbox."""

    id: str
    type: str
    key: str
    sent: bool


@dataclass(frozen=True)
class Facts:
    """All of it. Orders are those that were placed from some moment on; the rest is what belongs to them.

    Two of them are equal when nothing has changed in between.
    """

    orders: Mapping[str, Order]
    payments: Sequence[Payment]
    charged: Sequence[Charged]
    reservations: Mapping[str, Reservation]
    stock: Mapping[str, Stock]
    messages: Sequence[Message]
    welcomes: Mapping[str, str]
    """How the first message to each person who registered from that moment on stands; empty for none yet."""
    outboxes: Sequence[OutboxEvent]
    bus: Sequence[Record]
    """Every record of the event topics."""
    dead_letters: int
    gone: frozenset[str] = frozenset()
    """People who have deleted their accounts, by id."""
    people: Mapping[str, Person] = field(default_factory=dict)
    """Who registered from that moment on and still has an account, as the user service knows them."""
    readers: Mapping[str, Person] = field(default_factory=dict)
    """Whom the notification service writes to, as it knows them."""
    credit: Sequence[CreditAccount] = ()


async def gather(stack: RealStack, since: datetime) -> Facts:
    """Ask every part. What is under way shows half done: ask again."""
    orders = await _orders(stack, since)
    (payments, of_credit, credit), charged, (reservations, stock), messages, people, outboxes = await asyncio.gather(
        _payments(stack, orders),
        _charged(stack, orders),
        _inventory(stack),
        _messages(stack, orders),
        _people(stack, since),
        _outboxes(stack, since),
    )
    # Last: whatever the others knew of is there by now.
    records = await bus.records(stack)
    dead_letters = await bus.records(stack, bus.DEAD_LETTERS)
    return Facts(
        orders,
        payments,
        [*charged, *of_credit],
        reservations,
        stock,
        messages,
        people.welcomes,
        outboxes,
        records,
        len(dead_letters),
        people.gone,
        people.people,
        people.readers,
        credit,
    )


@asynccontextmanager
async def _database(stack: RealStack, service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.postgres_url(service))
    try:
        # One moment for all statements.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close()


async def _orders(stack: RealStack, since: datetime) -> dict[str, Order]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(stack.mongo_url("orders"), tz_aware=True)
    try:
        database = client.get_default_database()
        # What has no order's id is no commit: it keeps an order that was never stored from ever being.
        commits = await database["commits"].find({"orderId": {"$exists": True}}).to_list(None)
        shown = {one["_id"]: one["status"] for one in await database["orders"].find({}, {"status": 1}).to_list(None)}
    finally:
        client.close()
    histories: dict[str, list[dict[str, Any]]] = {}
    for commit in sorted(commits, key=lambda commit: commit["version"]):
        histories.setdefault(commit["orderId"], []).append(commit)
    return {
        order_id: _order(order_id, history, shown.get(order_id))
        for order_id, history in histories.items()
        if history[0]["at"] >= since
    }


def _order(order_id: str, history: Sequence[Mapping[str, Any]], shown_status: str | None) -> Order:
    created = history[0]["events"][0]
    quantities: Counter[str] = Counter()
    for line in created["items"]:
        quantities[line["productId"]] += line["quantity"]
    return Order(
        id=order_id,
        user_id=created["userId"],
        placed_at=history[0]["at"],
        total=sum((Decimal(line["price"]) * line["quantity"] for line in created["items"]), Decimal()),
        quantities=dict(quantities),
        commits=tuple(
            Commit(commit["version"], event["type"], event.get("status", "pending"), commit["published"])
            for commit in history
            for event in commit["events"]
        ),
        shown_status=shown_status,
    )


async def _payments(
    stack: RealStack, orders: Mapping[str, Order]
) -> tuple[list[Payment], list[Charged], list[CreditAccount]]:
    """Payments, charges of store credit, and everybody's credit."""
    async with _database(stack, "payment") as connection:
        rows = await connection.fetch(
            """
            SELECT p.id::text, p.order_id::text, p.status, p.amount, p.late,
                   coalesce(sum(l.amount) FILTER (WHERE l.entry = 'capture'), 0) AS captured,
                   coalesce(sum(l.amount) FILTER (WHERE l.entry = 'refund'), 0)
                   - coalesce(sum(l.amount) FILTER (WHERE l.entry = 'refund_reversal'), 0) AS refunded,
                   coalesce(sum(l.amount) FILTER (WHERE l.entry = 'dispute'), 0)
                   - coalesce(sum(l.amount) FILTER (WHERE l.entry = 'dispute_reversal'), 0) AS disputed,
                   p.stranded IS NOT NULL OR p.given_back_otherwise IS NOT NULL AS alarmed,
                   (SELECT coalesce(sum(r.amount), 0) FROM refunds r
                    WHERE r.payment_id = p.id AND r.ordered_by IS NOT NULL AND r.status = 'succeeded') AS by_staff,
                   coalesce(sum(l.amount) FILTER (WHERE l.entry = 'refund' AND l.provider <> p.provider), 0)
                   AS to_credit,
                   (SELECT coalesce(sum(e.amount), 0) FROM credit_entries e
                    WHERE e.payment_id = p.id AND e.kind = 'refund') AS credited
            FROM payments p LEFT JOIN ledger_entries l ON l.payment_id = p.id
            WHERE p.order_id = ANY ($1::uuid[]) GROUP BY p.id ORDER BY p.id
            """,
            list(orders),
        )
        charges = await connection.fetch(
            """
            SELECT c.reference AS intent_id, c.payment_id::text, p.order_id::text, c.state AS status,
                   coalesce(sum(e.amount) FILTER (WHERE e.kind = 'charge'), 0) AS captured,
                   coalesce(sum(e.amount) FILTER (WHERE e.kind = 'reversal'), 0) AS refunded,
                   count(*) FILTER (WHERE e.kind = 'charge') AS charges
            FROM credit_charges c JOIN payments p ON p.id = c.payment_id AND p.provider = 'store_credit'
            LEFT JOIN credit_entries e ON e.payment_id = c.payment_id
            WHERE p.order_id = ANY ($1::uuid[]) GROUP BY c.reference, p.order_id ORDER BY c.reference
            """,
            list(orders),
        )
        credit = await connection.fetch(
            """
            SELECT a.user_id::text, a.currency, a.balance,
                   coalesce(sum(CASE e.kind WHEN 'charge' THEN -e.amount ELSE e.amount END), 0) AS entries
            FROM credit_accounts a LEFT JOIN credit_entries e USING (user_id, currency)
            GROUP BY a.user_id, a.currency, a.balance ORDER BY a.user_id, a.currency
            """
        )
    return (
        [Payment(**row) for row in rows],
        [Charged(**row) for row in charges],
        [CreditAccount(**row) for row in credit],
    )


async def _charged(stack: RealStack, orders: Mapping[str, Order]) -> list[Charged]:
    sandbox = Sandbox(stack)
    try:
        intents, charges, disputes = await sandbox.intents(), await sandbox.charges(), await sandbox.disputes()
    finally:
        await sandbox.close()
    return [
        Charged(
            intent_id=intent["id"],
            payment_id=intent["metadata"].get("payment_id", ""),
            order_id=intent["metadata"]["order_id"],
            status=intent["status"],
            captured=_sum(charges, intent, "amount_captured"),
            refunded=_sum(charges, intent, "amount_refunded"),
            disputed=_taken(disputes, intent),
            charges=sum(1 for one in charges if one["payment_intent"] == intent["id"] and one["amount_captured"]),
        )
        for intent in intents
        if intent["metadata"].get("order_id") in orders
    ]


def _sum(charges: Sequence[Mapping[str, Any]], intent: Mapping[str, Any], amount: str) -> Decimal:
    units = sum(one[amount] for one in charges if one["payment_intent"] == intent["id"])
    return Decimal(units).scaleb(-decimals(intent["currency"]))


def _taken(disputes: Sequence[Mapping[str, Any]], intent: Mapping[str, Any]) -> Decimal:
    """What disputes took of the payment, where the account is kept in the currency of the charge."""
    lines = [line for one in disputes if one["payment_intent"] == intent["id"] for line in one["balance_transactions"]]
    return Decimal(-sum(line["amount"] for line in lines)).scaleb(-decimals(intent["currency"]))


async def _inventory(stack: RealStack) -> tuple[dict[str, Reservation], dict[str, Stock]]:
    async with _database(stack, "inventory") as connection:
        items = await connection.fetch(
            "SELECT order_id::text, status, product_id, sum(quantity)::int AS quantity"
            " FROM reservations JOIN reservation_items USING (order_id) GROUP BY order_id, status, product_id"
        )
        products = await connection.fetch(
            "SELECT p.id, p.on_hand, p.held, sum(m.on_hand_delta)::int AS moved_on_hand,"
            " sum(m.held_delta)::int AS moved_held,"
            " coalesce(sum(m.on_hand_delta) FILTER (WHERE m.kind = 'adjust'), 0)::int AS adjusted"
            " FROM products p LEFT JOIN stock_moves m ON m.product_id = p.id GROUP BY p.id"
        )
    reservations: dict[str, Reservation] = {}
    for row in items:
        known = reservations.get(row["order_id"])
        quantities = {**(known.quantities if known else {}), row["product_id"]: row["quantity"]}
        reservations[row["order_id"]] = Reservation(row["order_id"], row["status"], quantities)
    stock = {
        row["id"]: Stock(
            on_hand=row["on_hand"],
            held=row["held"],
            promised=_all_of(row["id"], "held", reservations),
            sold=_all_of(row["id"], "committed", reservations),
            adjusted=row["adjusted"],
            moved=(row["moved_on_hand"], row["moved_held"]),
        )
        for row in products
    }
    return reservations, stock


def _all_of(product_id: str, status: str, reservations: Mapping[str, Reservation]) -> int:
    return sum(one.quantities.get(product_id, 0) for one in reservations.values() if one.status == status)


async def _messages(stack: RealStack, orders: Mapping[str, Order]) -> list[Message]:
    async with _database(stack, "notification") as connection:
        rows = await connection.fetch(
            "SELECT id::text, event_id::text, order_id::text, type, status FROM messages"
            " WHERE order_id = ANY ($1::uuid[]) ORDER BY id",
            list(orders),
        )
    # The Message-ID is `<message's id@domain>`.
    arrived = Counter(mail["messageId"].strip("<>").partition("@")[0] for mail in await _mails(stack))
    return [Message(**row, mails=arrived[row["id"]]) for row in rows]


@dataclass(frozen=True)
class _People:
    """Who registered from some moment on; each as `Facts` has it."""

    welcomes: Mapping[str, str]
    gone: frozenset[str]
    people: Mapping[str, Person]
    readers: Mapping[str, Person]


async def _people(stack: RealStack, since: datetime) -> _People:
    async with _database(stack, "user") as connection:
        accounts = await connection.fetch(
            "SELECT id::text, account_status, email,"
            # Mails name nobody whose address is not verified.
            " CASE WHEN email_verified THEN first_name || ' ' || last_name ELSE '' END AS name FROM users"
            " WHERE created_at >= $1 ORDER BY id",
            since,
        )
    async with _database(stack, "notification") as connection:
        rows = await connection.fetch(
            "SELECT user_id::text, status FROM messages WHERE type = 'welcome' AND created_at >= $1", since
        )
        readers = await connection.fetch(
            "SELECT user_id::text AS id, email, name FROM recipients WHERE forgotten_at IS NULL"
        )
    statuses = {row["user_id"]: row["status"] for row in rows}
    active = [one for one in accounts if one["account_status"] == "active"]
    return _People(
        welcomes={one["id"]: statuses.get(one["id"], "") for one in active},
        gone=frozenset(one["id"] for one in accounts if one["account_status"] == "deleted"),
        people=_persons(active),
        readers=_persons(readers),
    )


def _persons(rows: Sequence[asyncpg.Record]) -> dict[str, Person]:
    return {row["id"]: Person(row["email"], row["name"]) for row in rows}


async def _mails(stack: RealStack) -> list[dict[str, str]]:
    """All that were ever received, a page after the other."""
    found: list[dict[str, str]] = []
    async with httpx.AsyncClient(timeout=_CALL_SECONDS) as http:
        while True:
            after = found[-1]["id"] if found else "0"
            answer = await http.get(f"{stack.mail_url}/messages", params={"limit": _MAILS_A_PAGE, "after": after})
            page = answer.json()["messages"]
            found += page
            if len(page) < _MAILS_A_PAGE:
                return found


async def _outboxes(stack: RealStack, since: datetime) -> list[OutboxEvent]:
    events: list[OutboxEvent] = []
    for service in OUTBOXES:
        async with _database(stack, service) as connection:
            rows = await connection.fetch(
                "SELECT id::text, type, key, sent_at IS NOT NULL AS sent FROM outbox"
                " WHERE occurred_at >= $1 ORDER BY position",
                since,
            )
        events += [OutboxEvent(**row) for row in rows]
    return events
