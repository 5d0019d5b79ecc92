"""Each invariant reports its violation, and a sound system passes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from argosy.event.v1.inventory_events_pb2 import StockReleased
from tests.support.bus import Record
from tests.support.facts import (
    Charged,
    Commit,
    CreditAccount,
    Facts,
    Message,
    Order,
    OutboxEvent,
    Payment,
    Person,
    Reservation,
    Stock,
)
from tests.support.invariants import Baseline, broken

NOW = datetime.now(UTC)
PRICE = Decimal("59.98")
NOTHING = Decimal()
BEFORE = Baseline(NOW, {"p": Stock(on_hand=10, held=0, promised=0, sold=0, adjusted=0, moved=(10, 0))}, dead_letters=0)


def event(topic: str, key: str, kind: str, event_id: str, sequence: int | None = None) -> Record:
    headers = {"ce_id": event_id, "ce_type": kind} | ({"ce_sequence": str(sequence)} if sequence else {})
    return Record(topic, 0, 0, key.encode(), b"", tuple((name, text.encode()) for name, text in headers.items()))


def order(order_id: str, *statuses: str) -> Order:
    types = ["ORDER_CREATED", *["ORDER_STATUS_UPDATED"] * (len(statuses) - 1)]
    commits = tuple(
        Commit(n, kind, status, True) for n, (kind, status) in enumerate(zip(types, statuses, strict=True), 1)
    )
    return Order(order_id, "u", NOW, PRICE, {"p": 2}, commits, statuses[-1])


def records_of(order: Order) -> list[Record]:
    return [
        event("order-events", order.id, one.type, f"{order.id}:{one.version}", one.version) for one in order.commits
    ]


PAID, DECLINED, OPEN = (
    order("paid", "pending", "confirmed"),
    order("no", "pending", "cancelled"),
    order("open", "pending"),
)

SOUND = Facts(
    orders={one.id: one for one in (PAID, DECLINED, OPEN)},
    payments=[
        Payment("good", "paid", "succeeded", PRICE, False, PRICE, NOTHING),
        Payment("bad", "no", "failed", PRICE, False, NOTHING, NOTHING),
    ],
    charged=[
        Charged("pi_1", "good", "paid", "succeeded", PRICE, NOTHING, 1),
        Charged("pi_2", "bad", "no", "canceled", NOTHING, NOTHING, 0),
    ],
    reservations={
        "paid": Reservation("paid", "committed", {"p": 2}),
        "no": Reservation("no", "released", {"p": 2}),
        "open": Reservation("open", "held", {"p": 2}),
    },
    stock={"p": Stock(on_hand=8, held=2, promised=2, sold=2, adjusted=0, moved=(8, 2))},
    messages=[
        Message("m1", "paid:2", "paid", "order_confirmed", "sent", 1),
        Message("m2", "no:2", "no", "order_cancelled", "sent", 1),
    ],
    welcomes={"ada": "sent", "ida": "dropped"},
    outboxes=[OutboxEvent("e1", "PAYMENT_CONFIRMED", "paid", True), OutboxEvent("e2", "PAYMENT_FAILED", "no", True)],
    bus=[
        *records_of(PAID),
        *records_of(DECLINED),
        *records_of(OPEN),
        event("payment-events", "paid", "PAYMENT_CONFIRMED", "e1"),
        event("payment-events", "no", "PAYMENT_FAILED", "e2"),
    ],
    dead_letters=0,
    people={"ada": Person("ada@example.com", "Ada Lovelace"), "not-heard-of-yet": Person("new@example.com", "New")},
    readers={"ada": Person("ada@example.com", "Ada Lovelace")},
)


def test_a_sound_system_is_not_accused() -> None:
    assert broken(SOUND, BEFORE) == []


def test_the_stock_of_a_cancelled_order_is_released() -> None:
    assert broken(replace(SOUND, bus=[*SOUND.bus, released("cancelled")]), BEFORE) == []


def test_what_staff_add_to_the_stock_is_there() -> None:
    assert broken(with_stock(on_hand=11, adjusted=3), BEFORE) == []


@pytest.mark.parametrize(("by_staff", "sound"), [(PRICE, True), (NOTHING, False)])
def test_money_that_staff_gave_back_leaves_the_order_as_it_is(by_staff: Decimal, sound: bool) -> None:
    payment = replace(SOUND.payments[0], status="refunded", refunded=PRICE, by_staff=by_staff)
    charged = replace(SOUND.charged[0], refunded=PRICE)
    found = replace(SOUND, payments=[payment, SOUND.payments[1]], charged=[charged, SOUND.charged[1]])
    assert (broken(found, BEFORE) == []) is sound


def test_money_that_went_to_store_credit_stays_at_stripe() -> None:
    found = with_payment(
        status="partially_refunded",
        refunded=Decimal(10),
        by_staff=Decimal(10),
        to_credit=Decimal(10),
        credited=Decimal(10),
    )
    assert broken(replace(found, credit=[CreditAccount("u", "USD", Decimal(10), Decimal(10))]), BEFORE) == []


def test_an_event_that_is_published_twice_is_no_harm() -> None:
    assert broken(replace(SOUND, bus=[*SOUND.bus, *records_of(PAID)]), BEFORE) == []


def test_a_mail_may_come_again_only_where_that_was_to_be_expected() -> None:
    twice = replace(SOUND, messages=[replace(SOUND.messages[0], mails=2), SOUND.messages[1]])
    assert broken(twice, BEFORE) == ["message m1 came in 2 mails"]
    assert broken(twice, BEFORE, mail_may_repeat=True) == []
    never = replace(SOUND, messages=[replace(SOUND.messages[0], mails=0), SOUND.messages[1]])
    assert broken(never, BEFORE, mail_may_repeat=True)


def test_only_who_has_left_may_miss_a_mail() -> None:
    dropped = replace(SOUND, messages=[replace(SOUND.messages[0], status="dropped", mails=0), SOUND.messages[1]])
    assert broken(dropped, BEFORE) == ["message m1 is dropped"]
    assert broken(replace(dropped, gone=frozenset({"u"})), BEFORE) == []


def with_order(changed: Order) -> Facts:
    return replace(SOUND, orders={**SOUND.orders, changed.id: changed})


def with_payment(**changes: object) -> Facts:
    return replace(SOUND, payments=[replace(SOUND.payments[0], **changes), *SOUND.payments[1:]])  # type: ignore[arg-type]


def with_charge(**changes: object) -> Facts:
    return replace(SOUND, charged=[replace(SOUND.charged[0], **changes), *SOUND.charged[1:]])  # type: ignore[arg-type]


def with_stock(moved: tuple[int, int] | None = None, **changes: int) -> Facts:
    """Its history goes with it, unless that is otherwise."""
    changed = replace(SOUND.stock["p"], **changes)  # type: ignore[arg-type]
    return replace(SOUND, stock={"p": replace(changed, moved=moved or (changed.on_hand, changed.held))})


def with_reservation(order_id: str, **changes: object) -> Facts:
    changed = replace(SOUND.reservations[order_id], **changes)  # type: ignore[arg-type]
    return replace(SOUND, reservations={**SOUND.reservations, order_id: changed})


def without_event(event_id: str) -> Facts:
    return replace(SOUND, bus=[one for one in SOUND.bus if one.header("ce_id") != event_id])


def in_this_order(*versions: int) -> Facts:
    """The events of the paid order, otherwise than they happened."""
    own = [records_of(PAID)[version - 1] for version in versions]
    return replace(SOUND, bus=[*own, *(one for one in SOUND.bus if (one.topic, one.key) != ("order-events", b"paid"))])


IN_ORDER = "[1 ORDER_CREATED, 2 ORDER_STATUS_UPDATED]"


def released(reason: str) -> Record:
    stock = event("inventory-events", "no", "STOCK_RELEASED", "e3")
    return replace(stock, value=StockReleased(order_id="no", reason=reason).SerializeToString())


WRONG: dict[str, Callable[[], Facts]] = {
    "event e1 of paid is on the bus with two contents": lambda: replace(
        SOUND, bus=[*SOUND.bus, replace(event("payment-events", "paid", "PAYMENT_CONFIRMED", "e1"), value=b"other")]
    ),
    "order no: its stock was released because time passed": lambda: replace(
        SOUND, bus=[*SOUND.bus, released("expired")]
    ),
    "mails to ada go to another address or name than the account has": lambda: replace(
        SOUND, readers={"ada": Person("ada@example.com", "Ada Byron")}
    ),
    "order paid is pending and paid": lambda: with_order(replace(order("paid", "pending"), shown_status="pending")),
    "order paid is cancelled and paid": lambda: with_order(order("paid", "pending", "cancelled")),
    "order open is confirmed with 0 payments that hold money": lambda: with_order(
        order("open", "pending", "confirmed")
    ),
    "order no is pending, and its payment has failed": lambda: with_order(order("no", "pending")),
    "order paid is confirmed, and lists show it as pending": lambda: with_order(replace(PAID, shown_status="pending")),
    "order paid: a payment is processing": lambda: with_payment(status="processing"),
    "order no is cancelled, and a payment of it is open": lambda: replace(
        SOUND, payments=[SOUND.payments[0], replace(SOUND.payments[1], status="requires_action")]
    ),
    "order paid is confirmed with 2 payments that hold money": lambda: replace(
        SOUND,
        payments=[*SOUND.payments, replace(SOUND.payments[0], id="again")],
        charged=[*SOUND.charged, replace(SOUND.charged[0], intent_id="pi_3", payment_id="again")],
    ),
    "payment good is of 59.97, its order costs 59.98": lambda: with_payment(amount=Decimal("59.97")),
    "payment good is succeeded, and 0 - 0 is booked": lambda: with_payment(captured=NOTHING),
    "payment good: booked 119.96 - 0, at Stripe 59.98 - 0": lambda: with_payment(captured=PRICE * 2),
    "payment good: booked 59.98 - 0, at Stripe 59.99 - 0": lambda: with_charge(captured=Decimal("59.99")),
    "payment good was charged 2 times": lambda: with_charge(charges=2),
    "payment good: booked 59.98 - 0, at Stripe 59.98 - 59.98": lambda: with_charge(refunded=PRICE),
    "payment good: 10 went to store credit, which has 0 of it": lambda: with_payment(
        status="partially_refunded", refunded=Decimal(10), to_credit=Decimal(10), by_staff=Decimal(10)
    ),
    "user u1 has 5 USD of store credit, entries come to 6": lambda: replace(
        SOUND, credit=[CreditAccount("u1", "USD", Decimal(5), Decimal(6))]
    ),
    "user u1 has -1 USD of store credit, entries come to -1": lambda: replace(
        SOUND, credit=[CreditAccount("u1", "USD", Decimal(-1), Decimal(-1))]
    ),
    "payment good: booked 59.98 - 0, at Stripe 0 - 0": lambda: replace(SOUND, charged=SOUND.charged[1:]),
    "payment good has 2 intents at Stripe": lambda: replace(SOUND, charged=[*SOUND.charged, SOUND.charged[0]]),
    "payment unknown has 1 intents at Stripe": lambda: with_charge(payment_id="unknown"),
    "payment good: 0 is booked for disputes, at Stripe 10": lambda: with_charge(disputed=Decimal(10)),
    "payment good: 10 is booked for disputes, at Stripe 0": lambda: with_payment(disputed=Decimal(10)),
    "p: 7 on hand and 2 sold, of 10": lambda: with_stock(on_hand=7),
    "p: 8 on hand and 4 sold, of 10": lambda: with_stock(sold=4),
    "p: 8 on hand and 2 sold, of 13": lambda: with_stock(adjusted=3),
    "p: 8 on hand and 2 held, and moves come to (8, 1)": lambda: with_stock(moved=(8, 1)),
    "p: 4 held, and reservations for 2": lambda: with_stock(held=4),
    "order paid is confirmed, and its stock is held": lambda: with_reservation("paid", status="held"),
    "order no is cancelled, and its stock is held": lambda: with_reservation("no", status="held"),
    "order open is pending, and its stock is released": lambda: with_reservation("open", status="released"),
    "order open has other lines than its reservation": lambda: with_reservation("open", quantities={"p": 3}),
    "order open has no reservation": lambda: replace(SOUND, reservations={}),
    "order paid: 0 messages of type order_confirmed": lambda: replace(SOUND, messages=SOUND.messages[1:]),
    "order paid: 2 messages of type order_confirmed": lambda: replace(
        SOUND, messages=[*SOUND.messages, replace(SOUND.messages[0], id="m3")]
    ),
    "order paid: 1 messages of type order_cancelled": lambda: replace(
        SOUND, messages=[*SOUND.messages, replace(SOUND.messages[0], id="m3", type="order_cancelled")]
    ),
    "message m1 is pending": lambda: replace(
        SOUND, messages=[replace(SOUND.messages[0], status="pending"), SOUND.messages[1]]
    ),
    "the message that welcomes eva is not written": lambda: replace(SOUND, welcomes={"eva": ""}),
    "the message that welcomes ida is parked": lambda: replace(SOUND, welcomes={"ida": "parked"}),
    "PAYMENT_FAILED e2 of no is not on the bus": lambda: replace(
        SOUND, outboxes=[replace(SOUND.outboxes[1], sent=False)]
    ),
    "PAYMENT_CONFIRMED e1 of paid is not on the bus": lambda: without_event("e1"),
    f"order paid: {IN_ORDER} happened, [1 ORDER_CREATED] is on the bus": lambda: without_event("paid:2"),
    f"order paid: {IN_ORDER} happened, [2 ORDER_STATUS_UPDATED, 1 ORDER_CREATED] is on the bus": (
        lambda: in_this_order(2, 1)
    ),
    "order paid has the versions [1 ORDER_CREATED, 3 ORDER_STATUS_UPDATED]": lambda: with_order(
        replace(PAID, commits=(PAID.commits[0], replace(PAID.commits[1], version=3)))
    ),
    "order paid has commits that are not marked as published": lambda: with_order(
        replace(PAID, commits=(PAID.commits[0], replace(PAID.commits[1], published=False)))
    ),
    "order paid has 2 different PAYMENT_CONFIRMED": lambda: replace(
        SOUND, bus=[*SOUND.bus, event("payment-events", "paid", "PAYMENT_CONFIRMED", "e3")]
    ),
    "1 events became dead letters": lambda: replace(SOUND, dead_letters=1),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_violation_is_reported(sentence: str) -> None:
    assert sentence in broken(WRONG[sentence](), BEFORE)


@pytest.mark.parametrize("alarmed", [True, False])
def test_a_cancelled_order_holds_money_only_where_that_is_reported(alarmed: bool) -> None:
    cancelled = with_order(order("paid", "pending", "cancelled"))
    found = replace(cancelled, payments=[replace(SOUND.payments[0], alarmed=alarmed), SOUND.payments[1]])
    assert ("order paid is cancelled and paid" in broken(found, BEFORE)) is not alarmed


def test_a_returned_refund_has_a_mail() -> None:
    bounced = replace(SOUND, bus=[*SOUND.bus, event("payment-events", "paid", "PAYMENT_REFUND_FAILED", "e8")])
    assert "order paid: 0 messages of type payment_refund_failed" in broken(bounced, BEFORE)
    mail = Message("m8", "e8", "paid", "payment_refund_failed", "sent", 1)
    mailed = replace(bounced, messages=[*SOUND.messages, mail])
    assert not [problem for problem in broken(mailed, BEFORE) if "refund_failed" in problem]


def test_each_refund_has_a_mail() -> None:
    refunds = [event("payment-events", "paid", "PAYMENT_REFUNDED", name) for name in ("e8", "e9", "e9")]
    refunded = replace(SOUND, bus=[*SOUND.bus, *refunds])
    assert "order paid: 0 messages of type payment_refunded" in broken(refunded, BEFORE)
    mails = [Message(name, name, "paid", "payment_refunded", "sent", 1) for name in ("m8", "m9")]
    mailed = replace(refunded, messages=[*SOUND.messages, *mails])
    assert not [problem for problem in broken(mailed, BEFORE) if "payment_refunded" in problem]
