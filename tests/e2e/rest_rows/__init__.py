"""One row for each public rpc, a module a service: what a call of it needs, and what it answers with.

`tests/e2e/test_rest_table.py` calls each by curl. A new public rpc needs a row in its service's module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.support.letters import make_dead
from tests.support.shop import Customer, Shop


@dataclass(frozen=True)
class Scene:
    """Who there is, and what there is of theirs."""

    shop: Shop
    owner: Customer
    stranger: Customer
    staff: Customer
    order: str
    """The owner's, and pending."""
    paid: str
    """The owner's payment of another order, captured."""
    product: str
    """One that no other test knows."""


@dataclass(frozen=True)
class Ask:
    """What a call needs besides its method and path."""

    who: Customer | None
    """Whom it is for."""
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path, by field; what is left over goes into the query."""
    body: object = None
    answers: Mapping[str, object] = field(default_factory=dict)
    """Some of what is answered."""
    stranger: int | None = 404
    """How somebody else is turned away; None when the same call is about something of their own then."""
    headers: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], Awaitable[object]] | None = None
    """Called before the call that is answered, for what must not be so while callers are turned away."""


Row = Callable[[Scene], Awaitable[Ask]]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Makes a function the row of an rpc."""

    def note(make: Row) -> Row:
        assert name not in ROWS, name
        ROWS[name] = make
        return make

    return note


def redrive_of(scene: Scene, service: str) -> Ask:
    """Handles a dead letter of a service again: an event of the paid order. Made once callers were turned away."""
    path = {"id": "order-events.0.999999999"}

    async def prepare() -> None:
        payment = await scene.owner.get(f"/payments/{scene.paid}")
        path["id"] = await make_dead(scene.shop.stack, service, payment["orderId"])

    return Ask(scene.staff, path, {}, prepare=prepare)
