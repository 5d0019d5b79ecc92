"""How orders are placed and move along, whatever the order of things that happen to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.chassis.plain.money import Money
from services.order.domain.facts import Fact, OrderCreated, OrderStatusUpdated
from services.order.domain.history import Commit, fold, was_caused_by
from services.order.domain.moves import (
    IllegalTransition,
    OnlyStaffListOthers,
    OrderNotFound,
    OwnerMayOnlyCancel,
    move,
    move_by,
    require_may_list,
)
from services.order.domain.orders import Actor, Address, Order, Reason, Status, address_problems
from tests.unit.order.examples import ADDRESS, ANN, BOB, LINES, STAFF, SUE

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ORDER_ID = uuid4()
OWNER = Actor(ANN, is_staff=False)
STRANGER = Actor(BOB, is_staff=False)


def commit(version: int, event: Fact, cause: UUID | None = None) -> Commit:
    return Commit(ORDER_ID, version, START + timedelta(seconds=version), (event,), f"token-{version}", cause=cause)


def placed() -> Commit:
    return commit(1, OrderCreated(ORDER_ID, ANN, LINES, ADDRESS))


def order_that_is(status: Status) -> Order:
    way = {
        Status.PENDING: (),
        Status.CONFIRMED: (Status.CONFIRMED,),
        Status.SHIPPED: (Status.CONFIRMED, Status.SHIPPED),
        Status.DELIVERED: (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED),
        Status.CANCELLED: (Status.CANCELLED,),
    }
    commits = [placed()]
    for step in way[status]:
        event = move(fold(commits), step, Reason.BY_STAFF)
        assert event is not None
        commits.append(commit(len(commits) + 1, event))
    return fold(commits)


def test_an_order_is_what_was_placed() -> None:
    order = fold([placed()])

    assert (order.id, order.user_id, order.status, order.version) == (ORDER_ID, ANN, Status.PENDING, 1)
    assert order.total == Money(2 * 8900 + 1250, "USD")
    assert order.created_at == order.updated_at == START + timedelta(seconds=1)
    assert order.shipping_address == ADDRESS


def test_moving_along_changes_status_version_and_time_alone() -> None:
    event = move(fold([placed()]), Status.CONFIRMED, Reason.PAID)
    assert event == OrderStatusUpdated(ORDER_ID, ANN, Status.CONFIRMED, Status.PENDING, Reason.PAID)

    before, after = fold([placed()]), fold([placed(), commit(2, event)])
    assert (after.status, after.version, after.updated_at) == (Status.CONFIRMED, 2, START + timedelta(seconds=2))
    assert (after.created_at, after.lines, after.total) == (before.created_at, before.lines, before.total)


@pytest.mark.parametrize("status", Status)
def test_the_state_that_it_has_already_changes_nothing(status: Status) -> None:
    assert move(order_that_is(status), status, Reason.BY_STAFF) is None


LEGAL = {
    (Status.PENDING, Status.CONFIRMED),
    (Status.PENDING, Status.CANCELLED),
    (Status.CONFIRMED, Status.SHIPPED),
    (Status.CONFIRMED, Status.CANCELLED),
    (Status.SHIPPED, Status.DELIVERED),
}


@pytest.mark.parametrize(("current", "wanted"), list(permutations(Status, 2)))
def test_every_pair_of_states_is_decided(current: Status, wanted: Status) -> None:
    order = order_that_is(current)
    if (current, wanted) in LEGAL:
        event = move(order, wanted, Reason.BY_STAFF)
        assert event is not None
        assert (event.previous_status, event.status) == (current, wanted)
    else:
        with pytest.raises(IllegalTransition) as refused:
            move(order, wanted, Reason.BY_STAFF)
        assert refused.value.metadata == {"currentStatus": str(current), "requestedStatus": str(wanted)}


@pytest.mark.parametrize("reason", [Reason.PAYMENT_FAILED, Reason.UNPAID])
def test_a_confirmed_order_is_not_cancelled_for_want_of_a_payment(reason: Reason) -> None:
    with pytest.raises(IllegalTransition):
        move(order_that_is(Status.CONFIRMED), Status.CANCELLED, reason)


def test_a_stranger_gets_the_same_answer_for_an_order_and_for_none() -> None:
    with pytest.raises(OrderNotFound) as hidden:
        move_by(STRANGER, order_that_is(Status.PENDING), Status.CANCELLED)
    assert str(hidden.value) == str(OrderNotFound(ORDER_ID))


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED])
def test_the_owner_may_only_cancel(status: Status) -> None:
    with pytest.raises(OwnerMayOnlyCancel):
        move_by(OWNER, order_that_is(Status.CONFIRMED), status)


@pytest.mark.parametrize("status", Status)
def test_an_order_is_final_when_it_can_go_nowhere(status: Status) -> None:
    assert order_that_is(status).is_final == (status not in {current for current, _ in LEGAL})


def test_only_staff_list_another_persons_orders() -> None:
    for actor, user_id in ((OWNER, ANN), (STAFF, ANN), (STAFF, SUE)):
        require_may_list(actor, user_id)
    for actor, user_id in ((STRANGER, ANN), (OWNER, SUE)):
        with pytest.raises(OnlyStaffListOthers):
            require_may_list(actor, user_id)


def test_a_move_records_who_made_it() -> None:
    order = order_that_is(Status.PENDING)
    assert _reason(move_by(OWNER, order, Status.CANCELLED)) is Reason.BY_OWNER
    assert _reason(move_by(STAFF, order, Status.CANCELLED)) is Reason.BY_STAFF
    assert _reason(move_by(STAFF, order, Status.CONFIRMED)) is Reason.BY_STAFF
    assert _reason(move_by(Actor(ANN, is_staff=True), order, Status.CONFIRMED)) is Reason.BY_OWNER


def _reason(event: OrderStatusUpdated | None) -> Reason:
    assert event is not None
    return event.reason


def test_an_event_is_known_to_have_had_its_effect() -> None:
    event = move(fold([placed()]), Status.CONFIRMED, Reason.PAID)
    assert event is not None
    cause = uuid4()
    history = [placed(), commit(2, event, cause=cause)]
    assert was_caused_by(history, cause)
    assert not was_caused_by(history, uuid4())


def test_a_history_with_a_gap_or_without_a_beginning_is_none() -> None:
    event = OrderStatusUpdated(ORDER_ID, ANN, Status.CONFIRMED, Status.PENDING, Reason.PAID)
    for commits in ([], [commit(2, event)], [placed(), commit(3, event)], [commit(1, event)], [placed(), placed()]):
        with pytest.raises(ValueError, match="commit"):
            fold(commits)


def test_an_address_of_blanks_is_none() -> None:
    assert address_problems(ADDRESS) == []
    blanks = address_problems(Address(" ", "\t\u3164", "\u2800", "　", "GR"))
    assert [name for name, _ in blanks] == ["street", "city", "state", "zipCode"]


def test_a_postal_code_is_needed_where_the_country_has_them() -> None:
    assert [name for name, _ in address_problems(replace(ADDRESS, zip_code=""))] == ["zipCode"]
    for country in ("AE", "HK", "JM"):
        assert address_problems(replace(ADDRESS, zip_code="", country=country)) == []
        assert address_problems(replace(ADDRESS, zip_code="00000", country=country)) == []
    assert address_problems(replace(ADDRESS, zip_code=" ", country="HK")) == [("zipCode", "must hold more than blanks")]


class OrderMachine(RuleBasedStateMachine):
    """Anything anybody can try, in any order: an order only ever moves forward."""

    @initialize()
    def place(self) -> None:
        self.commits = [placed()]

    @rule(status=st.sampled_from(Status), reason=st.sampled_from(Reason))
    def try_to_move(self, status: Status, reason: Reason) -> None:
        before = fold(self.commits)
        try:
            event = move(before, status, reason)
        except IllegalTransition:
            return
        if event is None:
            assert before.status is status
            return
        assert (before.status, event.status) in LEGAL
        if reason in (Reason.UNPAID, Reason.PAYMENT_FAILED):
            assert before.status is Status.PENDING
        self.commits.append(commit(len(self.commits) + 1, event))

    @invariant()
    def never_longer_than_the_longest_way(self) -> None:
        if hasattr(self, "commits"):
            order = fold(self.commits)
            assert order.version == len(self.commits) <= 4
            assert order.created_at <= order.updated_at


TestOrderMachine = OrderMachine.TestCase
