"""What must hold of the stores, line by line, once a run is over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.record import Exchange
from tests.chaos.stores import Move, Stores
from tests.support.facts import Facts


def broken(stores: Stores, exchanges: Sequence[Exchange], found: Facts, opening: Mapping[str, int]) -> list[str]:
    """What does not hold, a sentence each. opening: what was adjusted by product before the record began."""
    return [
        *_nothing_waits(stores, found),
        *_stock_was_never_short(stores.moves),
        *_stock_is_what_staff_made_it(stores.moves, exchanges, opening),
        *_money_is_booked_to_the_cent(stores),
        *_answered_refunds_are_there(stores, exchanges),
        *_nobody_was_charged_twice(found),
        *_one_message_a_fact(stores),
    ]


def _nothing_waits(stores: Stores, found: Facts) -> Iterator[str]:
    """Nobody pays any more, so nothing may wait, least of all for people who have left."""
    theirs = {order.id: order.user_id for order in found.orders.values() if order.user_id in found.gone}
    theirs |= {one.id: theirs[one.order_id] for one in found.payments if one.order_id in theirs}
    for what in stores.pending:
        person = theirs.get(what.rpartition(" ")[2])
        yield f"{what} still waits" + (f", for {person}, who has left" if person else "")


def _stock_was_never_short(moves: Sequence[Move]) -> Iterator[str]:
    """At no time was less on hand than is held, or less than nothing; each line follows from the one before."""
    last: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for move in moves:
        on_hand, held = last[move.product_id]
        now = (move.on_hand, move.held)
        if now != (on_hand + move.on_hand_delta, held + move.held_delta):
            yield f"{move.product_id}: {move.kind} made {now} of {(on_hand, held)}"
        if move.held < 0 or move.on_hand < move.held:
            yield f"{move.product_id}: after {move.kind} {move.on_hand} were on hand, and {move.held} held"
        last[move.product_id] = now


def _stock_is_what_staff_made_it(
    moves: Sequence[Move], exchanges: Sequence[Exchange], opening: Mapping[str, int]
) -> Iterator[str]:
    """What was answered with 201 is done once, what was refused is not, what was never answered may be either."""
    adjusted = Counter({product: -delta for product, delta in opening.items()})
    for move in moves:
        if move.kind == "adjust":
            adjusted[move.product_id] += move.on_hand_delta
    orders: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for one in exchanges:
        if one.method == "POST" and one.key and one.path.endswith("/stock"):
            orders[one.path.split("/")[2], one.key].append(one)
    least, most = Counter[str](), Counter[str]()
    for (product, _), tries in orders.items():
        delta = (tries[0].body or {})["delta"]
        done = any(one.status == 201 for one in tries)
        unknown = not done and all(one.unanswered for one in tries)
        least[product] += delta if done else min(delta, 0) if unknown else 0
        most[product] += delta if done else max(delta, 0) if unknown else 0
    for product in {product for product, _ in orders}:
        if not least[product] <= adjusted[product] <= most[product]:
            bounds = f"{least[product]} to {most[product]}"
            yield f"{product}: staff were answered {bounds}, and the stock was changed by {adjusted[product]}"


def _money_is_booked_to_the_cent(stores: Stores) -> Iterator[str]:
    """The ledger's lines of refunds and disputes are Stripe's, each once and with the same amount."""
    booked, moved = Counter(stores.booked), Counter(stores.moved)
    for line in (booked - moved).elements():
        yield f"{line.entry} of {line.amount} under {line.id} is booked, and not at Stripe"
    for line in (moved - booked).elements():
        yield f"{line.entry} of {line.amount} under {line.id} is at Stripe, and not booked"


def _answered_refunds_are_there(stores: Stores, exchanges: Sequence[Exchange]) -> Iterator[str]:
    for one in exchanges:
        answered = one.method == "POST" and one.path.endswith("/refunds") and one.status == 201
        if answered and one.answer["id"] not in stores.refunds:
            yield f"refund {one.answer['id']} was answered with 201 and is not there"


def _nobody_was_charged_twice(found: Facts) -> Iterator[str]:
    """An order is charged once: also money that went back was taken from somebody."""
    times = Counter(charged.order_id for charged in found.charged if charged.captured)
    for order_id, count in times.items():
        if count > 1:
            yield f"order {order_id} was charged {count} times"


def _one_message_a_fact(stores: Stores) -> Iterator[str]:
    for (event, kind), count in Counter(stores.written).items():
        if count > 1:
            yield f"event {event} has {count} messages of type {kind}"
