"""Moving orders along on the real store: people, payments and the sweeper, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock, ids
from services.chassis.plain.errors import Unavailable
from services.chassis.process.periodic import Periodic
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.read_side import MongoReadSide
from services.order.domain.history import Commit, fold
from services.order.domain.moves import IllegalTransition, OrderNotFound
from services.order.domain.orders import Actor, PaymentState, Reason, Status
from services.order.entrypoints.workers import sweeper
from services.order.use_cases.apply_payment import ApplyPayment, ApplyPaymentHandler
from services.order.use_cases.cancel_short import CancelShort, CancelShortHandler
from services.order.use_cases.cancel_unpaid import CancelUnpaid, CancelUnpaidHandler
from services.order.use_cases.journal import Journal
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from tests.integration.order import support
from tests.integration.order.support import eventually
from tests.unit.order.examples import STAFF, history_of, moved, order_created


@dataclass
class FakePayments:
    """Answers for each order what the test sets."""

    states: dict[UUID, PaymentState] = field(default_factory=dict)
    away: bool = False
    asked: list[UUID] = field(default_factory=list)

    async def was_paid(self, order_id: UUID) -> bool:
        return await self.state_of(order_id) is PaymentState.PAID

    async def state_of(self, order_id: UUID) -> PaymentState:
        await asyncio.sleep(0)
        self.asked.append(order_id)
        if self.away:
            raise Unavailable
        return self.states.get(order_id, PaymentState.NONE)


@pytest.fixture
def journal(store: MongoCommits) -> Journal:
    """Orders, without an outbox that publishes commits."""
    return support.journal(store)


async def stored(store: MongoCommits, commits: list[Commit]) -> UUID:
    """Store an order; its id."""
    for commit in commits:
        await store.append(commit)
    return commits[0].order_id


async def statuses(store: MongoCommits, order_id: UUID) -> list[Status]:
    """The states that an order went through."""
    history = await store.load(order_id)
    return [fold(history[:length]).status for length in range(1, len(history) + 1)]


async def test_people_who_move_an_order_at_once_do_not_tear_it(store: MongoCommits, journal: Journal) -> None:
    for _ in range(10):
        order_id = await stored(store, history_of())
        update = UpdateStatusHandler(journal)
        wanted = [Status.CONFIRMED, Status.CANCELLED, Status.SHIPPED] * 4
        await asyncio.gather(
            *(update(UpdateStatus(order_id, status, STAFF)) for status in wanted), return_exceptions=True
        )

        way = await statuses(store, order_id)
        assert way in (
            [Status.PENDING, Status.CONFIRMED, Status.CANCELLED],
            [Status.PENDING, Status.CANCELLED],
            [Status.PENDING, Status.CONFIRMED, Status.SHIPPED],
        )


async def test_the_same_state_again_is_no_further_commit(store: MongoCommits, journal: Journal) -> None:
    order_id = await stored(store, history_of(Status.CONFIRMED))
    order = await UpdateStatusHandler(journal)(UpdateStatus(order_id, Status.CONFIRMED, STAFF))
    assert order.status is Status.CONFIRMED
    assert len(await store.load(order_id)) == 2


async def test_what_is_refused_changes_nothing(store: MongoCommits, journal: Journal) -> None:
    created = order_created()
    order_id = await stored(store, [created])
    update = UpdateStatusHandler(journal)
    stranger = Actor(ids.new_id(), is_staff=False)

    with pytest.raises(IllegalTransition):
        await update(UpdateStatus(order_id, Status.DELIVERED, STAFF))
    with pytest.raises(OrderNotFound):
        await update(UpdateStatus(order_id, Status.CANCELLED, stranger))
    with pytest.raises(OrderNotFound):
        await update(UpdateStatus(ids.new_id(), Status.CANCELLED, STAFF))
    assert await store.load(order_id) == [created]


async def test_a_payment_confirms_its_order_once(store: MongoCommits, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    outcome = ApplyPayment(ids.new_id(), order_id, succeeded=True)
    await asyncio.gather(*(ApplyPaymentHandler(journal)(outcome) for _ in range(10)))

    history = await store.load(order_id)
    assert [commit.cause for commit in history] == [None, outcome.event_id]
    assert history[1].events[0].reason is Reason.PAID  # type: ignore[union-attr]


async def test_an_event_that_comes_again_later_has_no_second_effect(store: MongoCommits, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    outcome = ApplyPayment(ids.new_id(), order_id, succeeded=True)
    await ApplyPaymentHandler(journal)(outcome)
    await UpdateStatusHandler(journal)(UpdateStatus(order_id, Status.CANCELLED, STAFF))
    ignored = _ignored("succeeded", "cancelled")

    await ApplyPaymentHandler(journal)(outcome)

    assert await statuses(store, order_id) == [Status.PENDING, Status.CONFIRMED, Status.CANCELLED]
    assert _ignored("succeeded", "cancelled") == ignored  # seen before, not late


async def test_a_failed_payment_cancels_its_order(store: MongoCommits, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    await ApplyPaymentHandler(journal)(ApplyPayment(ids.new_id(), order_id, succeeded=False))
    history = await store.load(order_id)
    assert history[1].events[0].status is Status.CANCELLED  # type: ignore[union-attr]
    assert history[1].events[0].reason is Reason.PAYMENT_FAILED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("way", "succeeded"),
    [([Status.CANCELLED], True), ([Status.CONFIRMED], False), ([Status.CONFIRMED, Status.SHIPPED], False)],
)
async def test_an_outcome_that_comes_too_late_is_counted_and_changes_nothing(
    store: MongoCommits, journal: Journal, way: list[Status], succeeded: bool
) -> None:
    history = history_of(*way)
    order_id = await stored(store, history)
    outcome = "succeeded" if succeeded else "failed"
    before = _ignored(outcome, way[-1])

    await ApplyPaymentHandler(journal)(ApplyPayment(ids.new_id(), order_id, succeeded=succeeded))

    assert await store.load(order_id) == history
    assert _ignored(outcome, way[-1]) == before + 1


@pytest.mark.parametrize(("succeeded", "outcome"), [(True, "succeeded"), (False, "failed")])
async def test_a_payment_of_an_unknown_order_is_counted(
    store: MongoCommits, journal: Journal, succeeded: bool, outcome: str
) -> None:
    order_id, before = ids.new_id(), _ignored(outcome, "unknown")
    await ApplyPaymentHandler(journal)(ApplyPayment(ids.new_id(), order_id, succeeded=succeeded))
    assert await store.load(order_id) == []
    assert _ignored(outcome, "unknown") == before + 1


async def test_an_order_that_cannot_be_delivered_is_cancelled_once(store: MongoCommits, journal: Journal) -> None:
    order_id, event_id = await stored(store, history_of(Status.CONFIRMED)), ids.new_id()
    await asyncio.gather(*(CancelShortHandler(journal)(CancelShort(event_id, order_id)) for _ in range(10)))

    history = await store.load(order_id)
    assert [commit.cause for commit in history] == [None, None, event_id]
    assert history[2].events[0].status is Status.CANCELLED  # type: ignore[union-attr]
    assert history[2].events[0].reason is Reason.STOCK_SHORT  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("way", "outcome"),
    [
        ([Status.CONFIRMED, Status.SHIPPED], "too_late"),
        ([Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED], "too_late"),
        ([Status.CONFIRMED, Status.CANCELLED], "cancelled"),
    ],
)
async def test_short_stock_moves_nothing_that_has_left_or_ended(
    store: MongoCommits, journal: Journal, way: list[Status], outcome: str
) -> None:
    history = history_of(*way)
    order_id = await stored(store, history)
    before = _short(outcome)
    await CancelShortHandler(journal)(CancelShort(ids.new_id(), order_id))
    assert await store.load(order_id) == history
    assert _short(outcome) == before + 1


async def test_short_stock_of_an_unknown_order_is_counted(journal: Journal) -> None:
    before = _short("unknown")
    await CancelShortHandler(journal)(CancelShort(ids.new_id(), ids.new_id()))
    assert _short("unknown") == before + 1


async def test_orders_are_counted_by_the_state_they_reach(store: MongoCommits, journal: Journal) -> None:
    before = REGISTRY.get_sample_value("orders_total", {"status": "shipped"}) or 0
    order_id = await stored(store, history_of(Status.CONFIRMED))
    for _ in range(2):
        await UpdateStatusHandler(journal)(UpdateStatus(order_id, Status.SHIPPED, STAFF))
    assert REGISTRY.get_sample_value("orders_total", {"status": "shipped"}) == before + 1


@dataclass
class Sweeping:
    """The sweeper with parties whose answers the test sets."""

    payments: FakePayments
    cancel_unpaid: CancelUnpaidHandler
    sweeper: Periodic


@pytest.fixture
async def sweeping(mongo: Mongo, read_side: MongoReadSide, journal: Journal) -> AsyncIterator[Sweeping]:
    """Orders may wait for 900 s; nothing else waits in this database."""
    await mongo.collection("orders").delete_many({})
    payments = FakePayments()
    cancel_unpaid = CancelUnpaidHandler(journal, read_side, payments, timedelta(seconds=900), clock.now)
    yield Sweeping(payments, cancel_unpaid, sweeper(cancel_unpaid, Leases(mongo), every_seconds=0.05))
    await mongo.collection("orders").delete_many({})


async def waiting(store: MongoCommits, read_side: MongoReadSide, seconds: float) -> UUID:
    """An order that has been waiting for so long; its id."""
    created = order_created(at=clock.now() - timedelta(seconds=seconds))
    await store.append(created)
    await read_side.project(fold([created]))
    return created.order_id


async def test_what_nobody_pays_is_cancelled_after_its_time(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide
) -> None:
    overdue, fresh = await waiting(store, read_side, 901), await waiting(store, read_side, 800)
    await sweeping.cancel_unpaid(CancelUnpaid(thorough=False))

    history = await store.load(overdue)
    assert history[1].events[0].reason is Reason.UNPAID  # type: ignore[union-attr]
    assert await statuses(store, fresh) == [Status.PENDING]
    assert sweeping.payments.asked == [overdue]


async def test_what_was_left_over_from_long_ago_is_cancelled_by_a_thorough_sweep(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide
) -> None:
    left_over = await waiting(store, read_side, 100_000)
    await sweeping.cancel_unpaid(CancelUnpaid(thorough=False))
    assert await statuses(store, left_over) == [Status.PENDING]

    await sweeping.cancel_unpaid(CancelUnpaid(thorough=True))
    assert await statuses(store, left_over) == [Status.PENDING, Status.CANCELLED]


@pytest.mark.parametrize("state", [PaymentState.LIVE, PaymentState.PAID])
async def test_what_is_being_paid_or_waits_for_the_event_that_it_is_paid_stays(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide, state: PaymentState
) -> None:
    order_id = await waiting(store, read_side, 901)
    sweeping.payments.states[order_id] = state
    await sweeping.cancel_unpaid(CancelUnpaid(thorough=False))
    assert await statuses(store, order_id) == [Status.PENDING]


async def test_while_payment_is_away_nothing_is_cancelled(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide
) -> None:
    order_id = await waiting(store, read_side, 901)
    sweeping.payments.away = True
    with pytest.raises(Unavailable):
        await sweeping.cancel_unpaid(CancelUnpaid(thorough=False))
    assert await statuses(store, order_id) == [Status.PENDING]


async def test_a_read_side_that_lags_is_put_right_and_cancels_nothing(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide, mongo: Mongo
) -> None:
    order_id = await waiting(store, read_side, 901)
    history = await store.load(order_id)
    await store.append(moved(history, Status.CONFIRMED))

    await sweeping.cancel_unpaid(CancelUnpaid(thorough=False))

    assert await statuses(store, order_id) == [Status.PENDING, Status.CONFIRMED]
    assert sweeping.payments.asked == []
    shown = await mongo.collection("orders").find_one({"_id": str(order_id)})
    assert shown is not None
    assert shown["status"] == "confirmed"


async def test_replicas_that_sweep_at_once_cancel_once(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide
) -> None:
    orders = [await waiting(store, read_side, 901) for _ in range(20)]
    await asyncio.gather(*(sweeping.cancel_unpaid(CancelUnpaid(thorough=False)) for _ in range(3)))
    for order_id in orders:
        assert await statuses(store, order_id) == [Status.PENDING, Status.CANCELLED]


async def test_a_payment_that_arrives_while_it_sweeps_decides(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide, journal: Journal
) -> None:
    orders = [await waiting(store, read_side, 901) for _ in range(20)]
    paid = [ApplyPaymentHandler(journal)(ApplyPayment(ids.new_id(), order, succeeded=True)) for order in orders]
    await asyncio.gather(sweeping.cancel_unpaid(CancelUnpaid(thorough=False)), *paid)
    for order_id in orders:
        way = await statuses(store, order_id)
        assert way in ([Status.PENDING, Status.CANCELLED], [Status.PENDING, Status.CONFIRMED])


async def test_the_sweeper_goes_on_when_payment_comes_back(
    sweeping: Sweeping, store: MongoCommits, read_side: MongoReadSide
) -> None:
    order_id = await waiting(store, read_side, 901)
    sweeping.payments.away = True
    running = asyncio.create_task(sweeping.sweeper.run())

    await eventually(lambda: len(sweeping.payments.asked) >= 3)
    assert await statuses(store, order_id) == [Status.PENDING]
    sweeping.payments.away = False

    async def cancelled() -> bool:
        return await statuses(store, order_id) == [Status.PENDING, Status.CANCELLED]

    await eventually(cancelled)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def _short(outcome: str) -> float:
    return REGISTRY.get_sample_value("argosy_order_stock_short_total", {"outcome": outcome}) or 0


def _ignored(outcome: str, status: str) -> float:
    name = "argosy_order_payment_outcomes_ignored_total"
    return REGISTRY.get_sample_value(name, {"outcome": outcome, "status": str(status)}) or 0
