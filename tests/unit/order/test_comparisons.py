"""What order compares, and what it shows to those who compare, with its ports in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.chassis.plain.comparison import Page, examine, examine_all
from services.chassis.plain.errors import Unavailable
from services.order.domain.history import History, fold
from services.order.domain.orders import PaymentState, Status
from services.order.entrypoints.mapping import known_message
from services.order.use_cases.compare_confirmed import CONFIRMED_NOT_PAID, CONFIRMED_NOT_RESERVED, CompareConfirmed
from services.order.use_cases.compare_read_side import READ_SIDE_DIFFERS, CompareReadSide
from services.order.use_cases.journal import Journal
from services.order.use_cases.look_up_orders import LookUpOrders, LookUpOrdersHandler
from services.order.use_cases.rebuild_read_side import RebuildReadSideHandler
from tests.unit.order.examples import history_of
from tests.unit.order.fakes import NOW, FakeCommits, FakeInventory, FakePayments, FakeReadSide, new_missing

HOUR = timedelta(hours=1)


class Ids:
    """ports.OrderIds."""

    def __init__(self, commits: FakeCommits, read_side: FakeReadSide) -> None:
        self._commits, self._read_side = commits, read_side

    async def page(self, place: str, limit: int) -> Page:
        known = {str(one) for one in self._commits.histories} | set(self._read_side.documents_by_id)
        return Page.of(sorted(one for one in known if one > place)[:limit], limit)


class Shop:
    """The comparisons on orders in memory."""

    def __init__(self) -> None:
        self.commits, self.read_side = FakeCommits(), FakeReadSide()
        self.payments, self.inventory = FakePayments(), FakeInventory()
        ids = Ids(self.commits, self.read_side)
        rebuild = RebuildReadSideHandler(
            self.commits,
            self.read_side,
            self.read_side,
            new_missing,
            lambda: NOW,
            HOUR,
        )
        self.confirmed = CompareConfirmed(ids, self.commits, self.payments, self.inventory, HOUR, lambda: NOW)
        self.lists = CompareReadSide(ids, rebuild)
        self.look_up = LookUpOrdersHandler(Journal(self.commits, _announce, lambda: NOW))

    async def order(self, *statuses: Status, age: timedelta = 2 * HOUR) -> UUID:
        history = history_of(*statuses, at=NOW - age)
        for commit in history:
            self.commits.store(commit)
        await self.read_side.project(fold(history))
        self.inventory.held[history[0].order_id] = []
        return history[0].order_id


async def _announce(history: History) -> None:
    """Nobody hears of it."""


async def test_confirmed_orders_that_were_paid_and_others() -> None:
    shop = Shop()
    paid = [await shop.order(Status.CONFIRMED), await shop.order(Status.CONFIRMED, Status.SHIPPED)]
    shop.payments.states = dict.fromkeys(paid, PaymentState.PAID)
    await shop.order()
    await shop.order(Status.CANCELLED)
    await shop.order(Status.CONFIRMED, age=HOUR / 2)  # its payment's store may be behind
    shop.commits.broken.add(await shop.order(Status.CONFIRMED))
    assert [one async for one in examine_all(shop.confirmed, limit=2, mend=True)] == []


async def test_a_confirmed_order_that_nobody_paid_is_left() -> None:
    shop = Shop()
    order_id = await shop.order(Status.CONFIRMED)
    (finding,) = await examine(shop.confirmed, await shop.confirmed.of_order(order_id), mend=True)
    assert (finding.drift.kind, finding.drift.subject, finding.mended) == (CONFIRMED_NOT_PAID, str(order_id), False)
    await shop.confirmed.mend(finding.drift)
    assert len(shop.commits.histories[order_id]) == 2, "nothing is changed by itself"
    shop.payments.away = True
    with pytest.raises(Unavailable):
        await examine(shop.confirmed, [str(order_id)], mend=True)


async def test_a_confirmed_order_that_has_no_reservation_is_left() -> None:
    shop = Shop()
    well, bare, given_back, shipped = [
        await shop.order(*statuses) for statuses in (*[(Status.CONFIRMED,)] * 3, (Status.CONFIRMED, Status.SHIPPED))
    ]
    shop.payments.states = dict.fromkeys((well, bare, given_back, shipped), PaymentState.PAID)
    for order_id in (bare, given_back, shipped):  # inventory forgets those that were shipped long ago
        del shop.inventory.held[order_id]
    await shop.inventory.release(given_back)  # inventory compares those that it has
    (finding,) = [one async for one in examine_all(shop.confirmed, limit=10, mend=True)]
    assert (finding.drift.kind, finding.drift.subject, finding.mended) == (CONFIRMED_NOT_RESERVED, str(bare), False)
    shop.inventory.away = True
    with pytest.raises(Unavailable):
        await examine(shop.confirmed, [str(bare)], mend=True)


async def test_lists_are_repaired_to_match_histories() -> None:
    shop = Shop()
    missing, different, well = [await shop.order(Status.CONFIRMED) for _ in range(3)]
    del shop.read_side.documents_by_id[str(missing)]
    shop.read_side.documents_by_id[str(different)]["extra"] = 1
    ghost = str(uuid4())
    shop.read_side.documents_by_id[ghost] = dict(shop.read_side.documents_by_id[str(well)])
    found = [one async for one in examine_all(shop.lists, limit=2, mend=True)]
    assert {(one.drift.kind, one.drift.subject, one.mended) for one in found} == {
        (READ_SIDE_DIFFERS, subject, True) for subject in (str(missing), str(different), ghost)
    }
    assert [one async for one in examine_all(shop.lists, limit=2, mend=True)] == []
    assert set(shop.read_side.documents_by_id) == {str(missing), str(different), str(well)}


async def test_a_history_that_cannot_be_read_is_left() -> None:
    shop = Shop()
    order_id = await shop.order()
    shop.commits.broken.add(order_id)
    (finding,) = await examine(shop.lists, await shop.lists.of_order(order_id), mend=True)
    assert (finding.drift.repair, finding.mended) == (None, False)


async def test_what_others_compare_with() -> None:
    shop = Shop()
    pending, confirmed, broken = await shop.order(), await shop.order(Status.CONFIRMED), await shop.order()
    shop.commits.broken.add(broken)
    found: Sequence[History] = await shop.look_up(LookUpOrders([pending, uuid4(), confirmed, broken]))
    assert [history[0].order_id for history in found] == [pending, confirmed]
    first, second = map(known_message, found)
    assert (first.status, first.reason) == ("pending", "")
    assert (second.status, second.reason) == ("confirmed", found[1][1].events[0].reason)  # type: ignore[union-attr]
    assert first.status_event_id != second.status_event_id
