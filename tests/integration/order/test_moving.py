"""Moving orders along on the real store: people, payments and the sweeper, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.chassis import clock, ids
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo
from services.order.domain import Actor, Commit, IllegalTransition, OrderNotFound, Reason, Status, fold
from services.order.journal import Journal
from services.order.leases import Leases
from services.order.payments import PaymentState
from services.order.read_side import ReadSide
from services.order.store import CommitStore
from services.order.sweeper import Sweeper
from services.order.use_cases.apply_payment import ApplyPayment, PaymentOutcome
from services.order.use_cases.end_short import EndShort
from services.order.use_cases.settle_unpaid import SettleUnpaid
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusCommand
from tests.integration.order.support import STAFF, eventually, told_nobody
from tests.unit.order.examples import history_of, moved, order_created


@dataclass
class FakePayments:
    """Says of each order what it is told to."""

    states: dict[str, PaymentState] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def state_of(self, order_id: str) -> PaymentState:
        await asyncio.sleep(0)
        self.asked.append(order_id)
        if self.away:
            raise Unavailable
        return self.states.get(order_id, PaymentState.NONE)


@pytest.fixture
def journal(store: CommitStore) -> Journal:
    """Orders, and nobody who is told of their changes."""
    return Journal(store, told_nobody)


async def stored(store: CommitStore, commits: list[Commit]) -> str:
    """Store an order; its id."""
    for commit in commits:
        await store.append(commit)
    return commits[0].order_id


async def statuses(store: CommitStore, order_id: str) -> list[Status]:
    """The states that an order went through."""
    history = await store.load(order_id)
    return [fold(history[:length]).status for length in range(1, len(history) + 1)]


async def test_people_who_move_an_order_at_once_do_not_tear_it(store: CommitStore, journal: Journal) -> None:
    for _ in range(10):
        order_id = await stored(store, history_of())
        update = UpdateStatus(journal)
        wanted = [Status.CONFIRMED, Status.CANCELLED, Status.SHIPPED] * 4
        await asyncio.gather(
            *(update(UpdateStatusCommand(order_id, status, STAFF)) for status in wanted), return_exceptions=True
        )

        way = await statuses(store, order_id)
        assert way in (
            [Status.PENDING, Status.CONFIRMED, Status.CANCELLED],
            [Status.PENDING, Status.CANCELLED],
            [Status.PENDING, Status.CONFIRMED, Status.SHIPPED],
        )


async def test_the_same_state_again_is_no_further_commit(store: CommitStore, journal: Journal) -> None:
    order_id = await stored(store, history_of(Status.CONFIRMED))
    order = await UpdateStatus(journal)(UpdateStatusCommand(order_id, Status.CONFIRMED, STAFF))
    assert order.status is Status.CONFIRMED
    assert len(await store.load(order_id)) == 2


async def test_what_is_refused_changes_nothing(store: CommitStore, journal: Journal) -> None:
    created = order_created()
    order_id = await stored(store, [created])
    update = UpdateStatus(journal)
    stranger = Actor(str(ids.new_id()), is_staff=False)

    with pytest.raises(IllegalTransition):
        await update(UpdateStatusCommand(order_id, Status.DELIVERED, STAFF))
    with pytest.raises(OrderNotFound):
        await update(UpdateStatusCommand(order_id, Status.CANCELLED, stranger))
    with pytest.raises(OrderNotFound):
        await update(UpdateStatusCommand(str(ids.new_id()), Status.CANCELLED, STAFF))
    assert await store.load(order_id) == [created]


async def test_a_payment_confirms_its_order_once(store: CommitStore, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    outcome = PaymentOutcome(order_id, succeeded=True, event_id=str(ids.new_id()))
    await asyncio.gather(*(ApplyPayment(journal)(outcome) for _ in range(10)))

    history = await store.load(order_id)
    assert [commit.cause for commit in history] == [None, outcome.event_id]
    assert history[1].events[0].reason is Reason.PAID  # type: ignore[union-attr]


async def test_an_event_that_comes_again_later_has_no_second_effect(store: CommitStore, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    outcome = PaymentOutcome(order_id, succeeded=True, event_id=str(ids.new_id()))
    await ApplyPayment(journal)(outcome)
    await UpdateStatus(journal)(UpdateStatusCommand(order_id, Status.CANCELLED, STAFF))
    ignored = _ignored("succeeded", "cancelled")

    await ApplyPayment(journal)(outcome)

    assert await statuses(store, order_id) == [Status.PENDING, Status.CONFIRMED, Status.CANCELLED]
    assert _ignored("succeeded", "cancelled") == ignored  # seen before, not late


async def test_a_failed_payment_cancels_its_order(store: CommitStore, journal: Journal) -> None:
    order_id = await stored(store, history_of())
    await ApplyPayment(journal)(PaymentOutcome(order_id, succeeded=False, event_id=str(ids.new_id())))
    history = await store.load(order_id)
    assert history[1].events[0].status is Status.CANCELLED  # type: ignore[union-attr]
    assert history[1].events[0].reason is Reason.PAYMENT_FAILED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("way", "succeeded"),
    [([Status.CANCELLED], True), ([Status.CONFIRMED], False), ([Status.CONFIRMED, Status.SHIPPED], False)],
)
async def test_an_outcome_that_comes_too_late_is_counted_and_changes_nothing(
    store: CommitStore, journal: Journal, way: list[Status], succeeded: bool
) -> None:
    history = history_of(*way)
    order_id = await stored(store, history)
    outcome = "succeeded" if succeeded else "failed"
    before = _ignored(outcome, way[-1])

    await ApplyPayment(journal)(PaymentOutcome(order_id, succeeded=succeeded, event_id=str(ids.new_id())))

    assert await store.load(order_id) == history
    assert _ignored(outcome, way[-1]) == before + 1


@pytest.mark.parametrize(("succeeded", "outcome"), [(True, "succeeded"), (False, "failed")])
async def test_a_payment_of_an_unknown_order_is_counted(
    store: CommitStore, journal: Journal, succeeded: bool, outcome: str
) -> None:
    order_id, before = str(ids.new_id()), _ignored(outcome, "unknown")
    await ApplyPayment(journal)(PaymentOutcome(order_id, succeeded=succeeded, event_id=str(ids.new_id())))
    assert await store.load(order_id) == []
    assert _ignored(outcome, "unknown") == before + 1


async def test_an_order_that_cannot_be_delivered_is_cancelled_once(store: CommitStore, journal: Journal) -> None:
    order_id, event_id = await stored(store, history_of(Status.CONFIRMED)), str(ids.new_id())
    await asyncio.gather(*(EndShort(journal)(order_id, event_id) for _ in range(10)))

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
    store: CommitStore, journal: Journal, way: list[Status], outcome: str
) -> None:
    history = history_of(*way)
    order_id = await stored(store, history)
    before = _short(outcome)
    await EndShort(journal)(order_id, str(ids.new_id()))
    assert await store.load(order_id) == history
    assert _short(outcome) == before + 1


async def test_short_stock_of_an_unknown_order_is_counted(journal: Journal) -> None:
    before = _short("unknown")
    await EndShort(journal)(str(ids.new_id()), str(ids.new_id()))
    assert _short("unknown") == before + 1


async def test_orders_are_counted_by_the_state_they_reach(store: CommitStore, journal: Journal) -> None:
    before = REGISTRY.get_sample_value("orders_total", {"status": "shipped"}) or 0
    order_id = await stored(store, history_of(Status.CONFIRMED))
    for _ in range(2):
        await UpdateStatus(journal)(UpdateStatusCommand(order_id, Status.SHIPPED, STAFF))
    assert REGISTRY.get_sample_value("orders_total", {"status": "shipped"}) == before + 1


@dataclass
class Sweeping:
    """The sweeper with parties that say what they are told to."""

    payments: FakePayments
    settle: SettleUnpaid
    sweeper: Sweeper


@pytest.fixture
async def sweeping(mongo: Mongo, read_side: ReadSide, journal: Journal) -> AsyncIterator[Sweeping]:
    """Orders may wait for 900 s; nothing else waits in this database."""
    await mongo.collection("orders").delete_many({})
    payments = FakePayments()
    settle = SettleUnpaid(journal, read_side, payments, timedelta(seconds=900))  # type: ignore[arg-type]
    yield Sweeping(payments, settle, Sweeper(Leases(mongo), settle, every_seconds=0.05))
    await mongo.collection("orders").delete_many({})


async def waiting(store: CommitStore, read_side: ReadSide, seconds: float) -> str:
    """An order that has been waiting for so long; its id."""
    created = order_created(at=clock.now() - timedelta(seconds=seconds))
    await store.append(created)
    await read_side.project(fold([created]))
    return created.order_id


async def test_what_nobody_pays_is_cancelled_after_its_time(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide
) -> None:
    overdue, fresh = await waiting(store, read_side, 901), await waiting(store, read_side, 800)
    await sweeping.sweeper.sweep(thorough=False)

    history = await store.load(overdue)
    assert history[1].events[0].reason is Reason.UNPAID  # type: ignore[union-attr]
    assert await statuses(store, fresh) == [Status.PENDING]
    assert sweeping.payments.asked == [overdue]


async def test_what_was_left_over_from_long_ago_is_cancelled_by_a_thorough_sweep(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide
) -> None:
    left_over = await waiting(store, read_side, 100_000)
    await sweeping.sweeper.sweep(thorough=False)
    assert await statuses(store, left_over) == [Status.PENDING]

    await sweeping.sweeper.sweep(thorough=True)
    assert await statuses(store, left_over) == [Status.PENDING, Status.CANCELLED]


@pytest.mark.parametrize("state", [PaymentState.LIVE, PaymentState.PAID])
async def test_what_is_being_paid_or_waits_for_the_event_that_it_is_paid_stays(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide, state: PaymentState
) -> None:
    order_id = await waiting(store, read_side, 901)
    sweeping.payments.states[order_id] = state
    await sweeping.sweeper.sweep(thorough=False)
    assert await statuses(store, order_id) == [Status.PENDING]


async def test_while_payment_is_away_nothing_is_cancelled(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide
) -> None:
    order_id = await waiting(store, read_side, 901)
    sweeping.payments.away = True
    with pytest.raises(Unavailable):
        await sweeping.sweeper.sweep(thorough=False)
    assert await statuses(store, order_id) == [Status.PENDING]


async def test_a_read_side_that_lags_is_put_right_and_cancels_nothing(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide, mongo: Mongo
) -> None:
    order_id = await waiting(store, read_side, 901)
    history = await store.load(order_id)
    await store.append(moved(history, Status.CONFIRMED))

    await sweeping.sweeper.sweep(thorough=False)

    assert await statuses(store, order_id) == [Status.PENDING, Status.CONFIRMED]
    assert sweeping.payments.asked == []
    shown = await mongo.collection("orders").find_one({"_id": order_id})
    assert shown is not None
    assert shown["status"] == "confirmed"


async def test_replicas_that_sweep_at_once_cancel_once(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide
) -> None:
    orders = [await waiting(store, read_side, 901) for _ in range(20)]
    await asyncio.gather(*(sweeping.sweeper.sweep(thorough=False) for _ in range(3)))
    for order_id in orders:
        assert await statuses(store, order_id) == [Status.PENDING, Status.CANCELLED]


async def test_a_payment_that_arrives_while_it_sweeps_decides(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide, journal: Journal
) -> None:
    orders = [await waiting(store, read_side, 901) for _ in range(20)]
    paid = [
        ApplyPayment(journal)(PaymentOutcome(order, succeeded=True, event_id=str(ids.new_id()))) for order in orders
    ]
    await asyncio.gather(sweeping.sweeper.sweep(thorough=False), *paid)
    for order_id in orders:
        way = await statuses(store, order_id)
        assert way in ([Status.PENDING, Status.CANCELLED], [Status.PENDING, Status.CONFIRMED])


async def test_the_sweeper_goes_on_when_payment_comes_back(
    sweeping: Sweeping, store: CommitStore, read_side: ReadSide
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
