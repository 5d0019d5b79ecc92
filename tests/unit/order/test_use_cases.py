"""The order service's use cases with its ports in memory. The adapters are held by tests/integration/order."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.chassis.plain.errors import IdempotencyMismatch, InvalidArgument, Unavailable
from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.order.domain.history import Commit, History, fold
from services.order.domain.moves import (
    IllegalTransition,
    OnlyStaffListOthers,
    OrderNotFound,
    OwnerMayOnlyCancel,
    move,
)
from services.order.domain.orders import Actor, Order, PaymentState, Reason, RequestedLine, Standing, Status
from services.order.ports import HoldEnded, NotStored, OutcomeUnknown, OutOfStock, ProjectionContended, VersionTaken
from services.order.use_cases import journal as journal_module
from services.order.use_cases import watch_order
from services.order.use_cases.apply_payment import ApplyPayment, ApplyPaymentHandler
from services.order.use_cases.cancel_short import CancelShort, CancelShortHandler
from services.order.use_cases.cancel_unpaid import CancelUnpaid, CancelUnpaidHandler
from services.order.use_cases.get_order import GetOrder, GetOrderHandler
from services.order.use_cases.get_order_history import GetOrderHistory, GetOrderHistoryHandler
from services.order.use_cases.journal import TRIES, Contended, Journal
from services.order.use_cases.list_all_orders import ListAllOrders, ListAllOrdersHandler
from services.order.use_cases.list_orders import ListOrders, ListOrdersHandler
from services.order.use_cases.look_up_order import LookUpOrder, LookUpOrderHandler
from services.order.use_cases.place_order import PlaceOrder, PlaceOrderHandler, order_id_of
from services.order.use_cases.rebuild_read_side import (
    Difference,
    Found,
    RebuildReadSide,
    RebuildReadSideHandler,
)
from services.order.use_cases.resolve_orders import ResolveOrders, ResolveOrdersHandler
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from services.order.use_cases.watch_order import WatchOrder, WatchOrderHandler
from tests.unit.order.examples import ADDRESS, ANN, BOB, STAFF, history_of, moved, order_created
from tests.unit.order.fakes import (
    NOW,
    FakeAllOrders,
    FakeAllOrdersTokens,
    FakeCommits,
    FakeInventory,
    FakeNews,
    FakePageTokens,
    FakePayments,
    FakeReadSide,
    new_missing,
    older,
    shown_as,
)

OWNER = Actor(ANN, is_staff=False)
STRANGER = Actor(BOB, is_staff=False)
LONG_AGO = timedelta(days=1)


class Orders:
    """All use cases on one service in memory."""

    def __init__(self) -> None:
        self.commits, self.read_side, self.news = FakeCommits(), FakeReadSide(), FakeNews()
        self.inventory, self.payments = FakeInventory(), FakePayments()
        self.announced: list[History] = []
        self.now = NOW
        self.journal = journal = Journal(self.commits, self._announce, self._now)
        self.place = PlaceOrderHandler(journal, self.inventory)
        self.get = GetOrderHandler(journal)
        self.history = GetOrderHistoryHandler(journal)
        self.look_up = LookUpOrderHandler(journal)
        self.list = ListOrdersHandler(self.read_side, FakePageTokens())
        self.all_orders = FakeAllOrders(self.read_side)
        self.list_all = ListAllOrdersHandler(self.all_orders, FakeAllOrdersTokens())
        self.update = UpdateStatusHandler(journal)
        self.watch = WatchOrderHandler(journal, self.get, self.news)
        self.apply_payment = ApplyPaymentHandler(journal)
        self.cancel_short = CancelShortHandler(journal)
        self.cancel_unpaid = CancelUnpaidHandler(
            journal, self.read_side, self.payments, timedelta(minutes=15), self._now
        )
        self.resolve = ResolveOrdersHandler(journal)
        self.rebuild = RebuildReadSideHandler(
            self.commits, self.read_side, self.read_side, new_missing, self._now, timedelta()
        )

    async def _announce(self, history: History) -> None:
        self.announced.append(history)
        await self.read_side.project(fold(history))

    def _now(self) -> datetime:
        return self.now

    def stored(self, history: History, *, shown: bool = True) -> UUID:
        """Store a history; the order's id."""
        for commit in history:
            self.commits.store(commit)
        order_id = history[0].order_id
        if shown:
            self.read_side.documents_by_id[str(order_id)] = shown_as(history)
        return order_id

    def order(self, order_id: UUID) -> Order:
        return fold(self.commits.histories[order_id])

    def reason(self, order_id: UUID) -> Reason:
        reason: Reason = self.commits.histories[order_id][-1].events[0].reason  # type: ignore[union-attr]
        return reason

    async def differences(self, *, mend: bool) -> list[tuple[str, Found, tuple[str, ...]]]:
        found = self.rebuild(RebuildReadSide(mend=mend), lambda _: None)
        return [(one.order_id, one.found, one.fields) async for one in found]


@pytest.fixture
def orders() -> Orders:
    return Orders()


def placing(key: str | None = None, **changes: object) -> PlaceOrder:
    lines = [RequestedLine("bell", 2, Decimal("89.00")), RequestedLine("chart", 1)]
    command = PlaceOrder(ANN, None, lines, ADDRESS, Repeatable(key, b"print"))
    return replace(command, **changes)  # type: ignore[arg-type]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def test_an_order_that_was_just_placed_is_moved_without_reading_it(orders: Orders) -> None:
    order = await orders.place(placing())
    orders.commits.broken.add(order.id)
    await orders.apply_payment(ApplyPayment(uuid4(), order.id, succeeded=True))
    assert orders.order(order.id).status is Status.CONFIRMED
    with pytest.raises(KeyError):  # it is remembered for one move
        await orders.update(UpdateStatus(order.id, Status.SHIPPED, STAFF))


async def test_an_order_that_others_moved_since_it_was_placed_is_read(orders: Orders) -> None:
    order, event_id = await orders.place(placing()), uuid4()
    await Journal(orders.commits, orders.journal.announce, orders.journal.now).change(
        order.id, lambda history: move(fold(history), Status.CONFIRMED, Reason.PAID), cause=event_id
    )
    await orders.apply_payment(ApplyPayment(event_id, order.id, succeeded=True))
    assert len(orders.commits.histories[order.id]) == 2


async def test_an_order_that_others_confirmed_since_it_was_placed_is_shipped(orders: Orders) -> None:
    order = await orders.place(placing())
    await Journal(orders.commits, orders.journal.announce, orders.journal.now).change(
        order.id, lambda history: move(fold(history), Status.CONFIRMED, Reason.PAID)
    )
    shipped = await orders.update(UpdateStatus(order.id, Status.SHIPPED, STAFF))
    assert shipped.status is Status.SHIPPED


async def test_few_placed_orders_are_remembered(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "REMEMBERED", 2)
    placed = [(await orders.place(placing())).id for _ in range(3)]
    assert list(orders.journal.placed) == placed[1:]


async def test_placing_reserves_stores_and_announces(orders: Orders) -> None:
    before = sample("orders_total", status="created")
    order = await orders.place(placing())
    assert (order.status, order.total, order.created_at) == (Status.PENDING, Money(19050, "USD"), NOW)
    assert orders.inventory.held == {order.id: [("bell", 2), ("chart", 1)]}
    (commit,) = orders.commits.histories[order.id]
    assert (commit.fingerprint, orders.announced) == (None, [(commit,)])
    assert sample("orders_total", status="created") == before + 1


async def test_without_a_key_every_call_is_an_order(orders: Orders) -> None:
    assert await orders.place(placing()) != await orders.place(placing())


async def test_a_repeat_answers_the_order_as_it_was_placed(orders: Orders) -> None:
    order = await orders.place(placing("k"))
    await orders.update(UpdateStatus(order.id, Status.CANCELLED, OWNER))
    assert await orders.place(placing("k")) == order
    assert order.id == order_id_of(ANN, "k")
    with pytest.raises(IdempotencyMismatch):
        await orders.place(placing("k", request=Repeatable("k", b"other")))


async def test_too_much_is_refused_and_stores_nothing(orders: Orders) -> None:
    orders.inventory.stock = 2
    with pytest.raises(OutOfStock):
        await orders.place(placing("k"))
    assert not orders.commits.histories


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stated_user_id": BOB}, "userId"),
        ({"shipping_address": replace(ADDRESS, city=" ")}, "shippingAddress.city"),
    ],
)
async def test_bad_input_is_named_and_reserves_nothing(orders: Orders, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await orders.place(placing(**changes))  # type: ignore[arg-type]
    assert [violation.field for violation in refused.value.violations] == [field]
    assert not orders.inventory.held
    await orders.place(placing(stated_user_id=ANN))


@pytest.mark.parametrize("visible", [True, False])
async def test_a_call_that_loses_the_race_answers_with_the_winners_order(orders: Orders, *, visible: bool) -> None:
    order_id = order_id_of(ANN, "k")
    winner = order_created(order_id=order_id, fingerprint=b"print")
    orders.inventory.after_hold = lambda _: orders.commits.store(winner)
    if visible:
        assert await orders.place(placing("k")) == fold([winner])
    else:
        orders.commits.invisible.add(order_id)
        with pytest.raises(Contended):
            await orders.place(placing("k"))
    assert not orders.inventory.released


async def test_a_key_whose_stock_is_reserved_for_other_lines_is_a_mismatch(orders: Orders) -> None:
    orders.inventory.held[order_id_of(ANN, "k")] = [("bell", 9)]
    with pytest.raises(IdempotencyMismatch):
        await orders.place(placing("k"))


async def test_a_key_whose_reservation_was_released_is_refused(orders: Orders) -> None:
    orders.inventory.released.add(order_id_of(ANN, "k"))
    with pytest.raises(HoldEnded):
        await orders.place(placing("k"))


async def test_an_order_that_another_call_placed_and_released_meanwhile_is_answered(orders: Orders) -> None:
    order_id = order_id_of(ANN, "k")
    winner = order_created(order_id=order_id, fingerprint=b"print")

    async def hold(*_: object) -> list[object]:
        orders.commits.store(winner)
        raise HoldEnded

    orders.inventory.hold = hold  # type: ignore[assignment,method-assign]
    assert await orders.place(placing("k")) == fold([winner])


@pytest.mark.parametrize("key", [None, "k"])
async def test_an_order_that_was_closed_while_it_was_placed_is_refused_and_released(
    orders: Orders, key: str | None
) -> None:
    orders.inventory.after_hold = orders.commits.closed.add
    with pytest.raises(HoldEnded):
        await orders.place(placing(key))
    assert orders.inventory.released == orders.inventory.held.keys()


@pytest.mark.parametrize(("key", "releases"), [(None, True), ("k", False)])
async def test_a_failed_commit_releases_what_no_other_call_can_have(
    orders: Orders, key: str | None, *, releases: bool
) -> None:
    orders.commits.failures = [NotStored()]
    with pytest.raises(NotStored):
        await orders.place(placing(key))
    assert bool(orders.inventory.released) == releases


async def test_an_unknown_outcome_releases_nothing(orders: Orders) -> None:
    orders.commits.failures = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        await orders.place(placing())
    assert not orders.inventory.released


async def test_a_release_that_fails_hides_no_error(orders: Orders) -> None:
    orders.commits.failures, orders.inventory.away = [NotStored()], True
    with pytest.raises(NotStored):
        await orders.place(placing())


async def test_owner_and_staff_see_an_order_and_nobody_else(orders: Orders) -> None:
    history = history_of(Status.CONFIRMED)
    order_id = orders.stored(history)
    for actor in (OWNER, STAFF):
        assert await orders.get(GetOrder(order_id, actor)) == fold(history)
        assert await orders.history(GetOrderHistory(order_id, actor)) == history
    for unseen, actor in ((order_id, STRANGER), (uuid4(), STAFF)):
        with pytest.raises(OrderNotFound):
            await orders.get(GetOrder(unseen, actor))
        with pytest.raises(OrderNotFound):
            await orders.history(GetOrderHistory(unseen, actor))


async def test_another_service_sees_every_order(orders: Orders) -> None:
    history = history_of()
    assert await orders.look_up(LookUpOrder(orders.stored(history))) == fold(history)
    with pytest.raises(OrderNotFound):
        await orders.look_up(LookUpOrder(uuid4()))


async def test_lists_come_in_pages_whose_tokens_are_of_one_list(orders: Orders) -> None:
    ids = [orders.stored(history_of()) for _ in range(3)]
    first = await orders.list(ListOrders(OWNER, None, None, 2, ""))
    rest = await orders.list(ListOrders(OWNER, ANN, None, 2, first.next_page_token))
    assert [order.id for order in (*first.orders, *rest.orders)] == ids[::-1]
    assert rest.next_page_token == ""
    for other in (ListOrders(STAFF, ANN, None, 2, ""), ListOrders(OWNER, None, Status.PENDING, 2, "")):
        with pytest.raises(InvalidArgument):
            await orders.list(replace(other, page_token=first.next_page_token))
    with pytest.raises(OnlyStaffListOthers):
        await orders.list(ListOrders(STRANGER, ANN, None, 2, first.next_page_token))


async def test_staff_list_all_orders_in_pages_whose_tokens_are_of_one_list(orders: Orders) -> None:
    ids = [orders.stored(history_of(*moves, user_id=uuid4())) for moves in ((), (Status.CONFIRMED,), ())]
    everything = ListAllOrders(STAFF, frozenset(), None, None, 2, "")
    first = await orders.list_all(everything)
    rest = await orders.list_all(replace(everything, page_token=first.next_page_token))
    assert [order.id for order in (*first.orders, *rest.orders)] == ids[::-1]
    assert rest.next_page_token == ""
    assert {one.statuses for one in orders.all_orders.asked} == {frozenset(Status)}
    confirmed = await orders.list_all(replace(everything, statuses=frozenset({Status.CONFIRMED})))
    assert [order.id for order in confirmed.orders] == [ids[1]]
    for other in (
        replace(everything, statuses=frozenset({Status.PENDING})),
        replace(everything, placed_from=NOW),
        replace(everything, actor=Actor(BOB, is_staff=True)),
    ):
        with pytest.raises(InvalidArgument):
            await orders.list_all(replace(other, page_token=first.next_page_token))


@pytest.mark.parametrize("seconds", [0, -1])
async def test_bounds_without_time_between_them_are_refused(orders: Orders, seconds: int) -> None:
    command = ListAllOrders(STAFF, frozenset(), NOW, NOW + timedelta(seconds=seconds), 20, "")
    with pytest.raises(InvalidArgument) as refusal:
        await orders.list_all(command)
    assert [violation.field for violation in refusal.value.violations] == ["placedBefore"]
    assert orders.all_orders.asked == []


async def test_a_person_moves_an_order(orders: Orders) -> None:
    order_id = orders.stored(history_of())
    with pytest.raises(OwnerMayOnlyCancel):
        await orders.update(UpdateStatus(order_id, Status.CONFIRMED, OWNER))
    with pytest.raises(IllegalTransition):
        await orders.update(UpdateStatus(order_id, Status.SHIPPED, STAFF))
    with pytest.raises(OrderNotFound):
        await orders.update(UpdateStatus(uuid4(), Status.SHIPPED, STAFF))
    for _ in range(2):
        order = await orders.update(UpdateStatus(order_id, Status.CONFIRMED, STAFF))
        assert (order.status, order.version) == (Status.CONFIRMED, 2)
    assert len(orders.announced) == 1


async def test_a_writer_that_loses_the_race_decides_again(orders: Orders) -> None:
    order_id = orders.stored(history_of())

    def first(_: Commit) -> None:
        orders.commits.before_append = lambda _: None
        orders.commits.store(moved(orders.commits.histories[order_id], Status.CONFIRMED))

    orders.commits.before_append = first
    order = await orders.update(UpdateStatus(order_id, Status.CANCELLED, OWNER))
    assert (order.status, order.version) == (Status.CANCELLED, 3)
    orders.commits.failures = [VersionTaken() for _ in range(TRIES)]
    with pytest.raises(Contended):
        await orders.update(UpdateStatus(orders.stored(history_of()), Status.CANCELLED, OWNER))


async def test_a_clock_that_goes_back_writes_no_earlier_commit(orders: Orders) -> None:
    order = await orders.place(placing())
    orders.now = NOW - timedelta(hours=1)
    assert (await orders.update(UpdateStatus(order.id, Status.CANCELLED, OWNER))).updated_at == NOW


@pytest.mark.parametrize(
    ("succeeded", "status", "reason"),
    [(True, Status.CONFIRMED, Reason.PAID), (False, Status.CANCELLED, Reason.PAYMENT_FAILED)],
)
async def test_a_payment_is_applied_once(orders: Orders, *, succeeded: bool, status: Status, reason: Reason) -> None:
    order_id, event_id = orders.stored(history_of()), uuid4()
    for _ in range(2):
        await orders.apply_payment(ApplyPayment(event_id, order_id, succeeded))
    assert (orders.order(order_id).status, orders.order(order_id).version) == (status, 2)
    assert (orders.reason(order_id), orders.commits.histories[order_id][1].cause) == (reason, event_id)


async def test_a_payment_that_comes_too_late_is_counted(orders: Orders) -> None:
    name = "argosy_order_payment_outcomes_ignored_total"
    for order_id, status in ((orders.stored(history_of(Status.CANCELLED)), "cancelled"), (uuid4(), "unknown")):
        before = sample(name, outcome="succeeded", status=status)
        await orders.apply_payment(ApplyPayment(uuid4(), order_id, succeeded=True))
        assert sample(name, outcome="succeeded", status=status) == before + 1
    assert not orders.announced


async def test_an_order_whose_stock_is_short_is_cancelled_once(orders: Orders) -> None:
    order_id, event_id = orders.stored(history_of(Status.CONFIRMED)), uuid4()
    for _ in range(2):
        await orders.cancel_short(CancelShort(event_id, order_id))
    assert (orders.order(order_id).status, orders.reason(order_id)) == (Status.CANCELLED, Reason.STOCK_SHORT)
    assert orders.order(order_id).version == 3


async def test_short_stock_of_a_shipped_or_unknown_order_is_counted(orders: Orders) -> None:
    name = "argosy_order_stock_short_total"
    shipped = orders.stored(history_of(Status.CONFIRMED, Status.SHIPPED))
    for order_id, outcome in ((shipped, "too_late"), (uuid4(), "unknown")):
        before = sample(name, outcome=outcome)
        await orders.cancel_short(CancelShort(uuid4(), order_id))
        assert sample(name, outcome=outcome) == before + 1
    assert not orders.announced


async def test_only_orders_that_nobody_pays_in_time_are_cancelled(orders: Orders) -> None:
    fresh = orders.stored(older(history_of(), timedelta(minutes=14)))
    overdue = orders.stored(older(history_of(), timedelta(minutes=16)))
    paying = orders.stored(older(history_of(), timedelta(minutes=16)))
    left_over = orders.stored(older(history_of(), LONG_AGO))
    orders.payments.states = {paying: PaymentState.LIVE}
    await orders.cancel_unpaid(CancelUnpaid(thorough=False))
    assert (orders.order(overdue).status, orders.reason(overdue)) == (Status.CANCELLED, Reason.UNPAID)
    pending = {one for one in orders.commits.histories if orders.order(one).status is Status.PENDING}
    assert pending == {fresh, paying, left_over}
    await orders.cancel_unpaid(CancelUnpaid(thorough=True))
    assert orders.order(left_over).status is Status.CANCELLED


async def test_while_payment_is_away_nothing_is_cancelled(orders: Orders) -> None:
    order_id = orders.stored(older(history_of(), LONG_AGO))
    orders.payments.away = True
    with pytest.raises(Unavailable):
        await orders.cancel_unpaid(CancelUnpaid(thorough=True))
    assert orders.order(order_id).status is Status.PENDING


async def test_an_order_that_is_shown_as_pending_and_is_not_is_projected_again(orders: Orders) -> None:
    history = older(history_of(Status.CONFIRMED), LONG_AGO)
    order_id = orders.stored(history, shown=False)
    await orders.read_side.project(fold(history[:1]))
    await orders.cancel_unpaid(CancelUnpaid(thorough=True))
    assert orders.read_side.documents_by_id[str(order_id)] == shown_as(history)


async def test_a_payment_that_arrives_before_the_cancellation_wins(orders: Orders) -> None:
    order_id = orders.stored(older(history_of(), LONG_AGO))

    def pay(_: UUID) -> None:
        orders.commits.store(moved(orders.commits.histories[order_id], Status.CONFIRMED))

    orders.payments.before_answer = pay
    await orders.cancel_unpaid(CancelUnpaid(thorough=True))
    assert orders.order(order_id).status is Status.CONFIRMED


async def test_an_overdue_order_that_cannot_be_read_holds_up_no_other(orders: Orders) -> None:
    broken, fine = (orders.stored(older(history_of(), LONG_AGO)) for _ in range(2))
    orders.commits.broken = {broken}
    await orders.cancel_unpaid(CancelUnpaid(thorough=True))
    assert orders.order(fine).status is Status.CANCELLED


async def test_orders_are_resolved_and_unknown_ones_closed(orders: Orders) -> None:
    is_open, cancelled = orders.stored(history_of()), orders.stored(history_of(Status.CANCELLED))
    broken, unknown, coming = orders.stored(history_of()), uuid4(), orders.stored(history_of())
    orders.commits.broken, orders.commits.invisible = {broken}, {coming}
    for _ in range(2):
        assert await orders.resolve(ResolveOrders([is_open, cancelled, broken, unknown, coming])) == [
            Standing.OPEN,
            Standing.CANCELLED,
            Standing.OPEN,
            Standing.CLOSED,
            Standing.OPEN,
        ]
    assert orders.commits.closed == {unknown}


async def test_a_watch_shows_every_state_in_turn_and_ends(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_order, "LOOK_AGAIN_SECONDS", 0)
    order_id = orders.stored(history_of())
    watch = orders.watch(WatchOrder(order_id, OWNER))
    seen = [(await anext(watch)).status]
    for status in (Status.CONFIRMED, Status.SHIPPED):
        orders.commits.store(moved(orders.commits.histories[order_id], status))
    orders.news.changed.set()
    seen += [(await anext(watch)).status, (await anext(watch)).status]
    waited = orders.news.of_more_than

    async def too_early(version: int) -> None:
        """News of a change that the history does not show yet; then the change."""
        orders.news.of_more_than = deliver  # type: ignore[method-assign]

    async def deliver(version: int) -> None:
        orders.commits.store(moved(orders.commits.histories[order_id], Status.DELIVERED))
        orders.news.of_more_than = waited  # type: ignore[method-assign]

    orders.news.of_more_than = too_early  # type: ignore[method-assign]
    seen += [order.status async for order in watch]
    assert seen == [Status.PENDING, Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED]
    assert orders.news.watchers == 0


async def test_nobody_watches_another_ones_order(orders: Orders) -> None:
    order_id = orders.stored(history_of())
    async with aclosing(orders.watch(WatchOrder(order_id, STRANGER))) as watch:
        with pytest.raises(OrderNotFound):
            await anext(watch)
    assert orders.news.watchers == 0


async def test_a_rebuild_finds_and_repairs_what_differs(orders: Orders) -> None:
    orders.now = NOW + timedelta(days=365)
    fine = orders.stored(history_of())
    newer = orders.stored(older(history_of(), timedelta()), shown=False)
    missing = orders.stored(older(history_of(Status.CONFIRMED), LONG_AGO), shown=False)
    wrong, broken, unknown = orders.stored(history_of()), orders.stored(history_of()), history_of()
    orders.commits.broken = {broken}
    documents = orders.read_side.documents_by_id
    documents[str(wrong)]["note"] = "x"
    documents |= {str(unknown[0].order_id): shown_as(unknown), "no UUID": shown_as(unknown)}
    expected = [
        (str(wrong), Found.DIFFERENT, ("note",)),
        (str(broken), Found.UNREADABLE, ()),
        (str(unknown[0].order_id), Found.UNKNOWN, ()),
        ("no UUID", Found.UNKNOWN, ()),
        (str(missing), Found.MISSING, ()),
        (str(newer), Found.MISSING, ()),
    ]
    before = dict(documents)
    assert await orders.differences(mend=False) == expected
    assert documents == before
    assert await orders.differences(mend=True) == expected
    assert await orders.differences(mend=True) == [(str(broken), Found.UNREADABLE, ())]
    assert documents.keys() == {str(one) for one in (fine, newer, missing, wrong, broken)}


async def test_a_recent_change_is_left_to_the_service(orders: Orders) -> None:
    soon = orders.stored(older(history_of(), timedelta()), shown=False)
    never = orders.stored(older(history_of(), timedelta()), shown=False)
    documents = orders.read_side.documents_by_id

    def shown_meanwhile(_: int) -> None:
        documents[str(soon)] = shown_as(orders.commits.histories[soon])

    rebuild = replace(orders.rebuild, settled_after=timedelta(milliseconds=1))
    found = [one async for one in rebuild(RebuildReadSide(mend=False), shown_meanwhile)]
    assert found == [Difference(str(never), Found.MISSING)]  # the clock stands still: it is recent at every look


async def test_a_rebuild_goes_through_all_orders_in_batches(orders: Orders) -> None:
    for _ in range(201):
        orders.stored(history_of())
    compared: list[int] = []
    assert [one async for one in orders.rebuild(RebuildReadSide(mend=False), compared.append)] == []
    assert (sum(compared), len(compared)) == (201, 4)


async def test_an_order_that_changes_at_every_try_is_an_error(orders: Orders) -> None:
    orders.now = NOW + timedelta(days=365)
    order_id = orders.stored(history_of())
    documents = orders.read_side.documents_by_id
    documents[str(order_id)]["note"] = 0

    def change() -> None:
        document = documents[str(order_id)]
        documents[str(order_id)] = document | {"note": document.get("note", 0) + 1}  # type: ignore[operator]

    orders.read_side.on_write = change
    with pytest.raises(ProjectionContended):
        await orders.differences(mend=True)
