"""What inventory compares with its ports in memory. tests/e2e/test_reconcile.py does it on the real stack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.chassis.plain.comparison import examine, examine_all
from services.chassis.plain.errors import Unavailable
from services.chassis.plain.money import Money
from services.inventory.domain.bounds import Bounds
from services.inventory.domain.facts import StockShort
from services.inventory.domain.products import NewProduct
from services.inventory.domain.reservations import KnownOrder, Line, ReleaseReason, Status
from services.inventory.domain.stock import MoveKind
from services.inventory.use_cases.apply_order_status import ApplyOrderStatus, ApplyOrderStatusHandler
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.compare_reservations import (
    CANCELLED_HOLDS_STOCK,
    CONFIRMED_WITHOUT_STOCK,
    ORDER_UNKNOWN,
    CompareReservations,
)
from services.inventory.use_cases.compare_stock import STOCK_DIFFERS, CompareStock
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockHandler
from tests.unit.chassis.fakes import FakeWork
from tests.unit.inventory.fakes import NOW, FakeInventory, FakeOrders

HOUR = timedelta(hours=1)
BELL = NewProduct("bell", "Bell", "", Money(8900, "USD"), on_hand=20)
CHART = NewProduct("chart", "Chart", "", Money(1250, "USD"), on_hand=10)


class Shop:
    """The comparisons on one inventory in memory."""

    def __init__(self) -> None:
        self.unit = FakeInventory(BELL, CHART)
        self.orders = FakeOrders()
        work, low = FakeWork(self.unit), PublishLowStock(0)
        self.reserve = ReserveStockHandler(work, HOUR, low, Bounds(orders=3, pieces=8))
        apply = ApplyOrderStatusHandler(work, CommitReservationHandler(work, low), ReleaseReservationHandler(work))
        self.stock = CompareStock(work)
        self.reservations = CompareReservations(work, self.orders, apply, HOUR, lambda: NOW)

    async def reserved(self, status: Status, order_status: str | None, reason: ReleaseReason | None = None) -> UUID:
        order_id = uuid4()
        await self.reserve(ReserveStock(order_id, [Line("bell", 2)]))
        self.unit.reservations.rows[order_id] = replace(
            self.unit.reservations.rows[order_id], status=status, release_reason=reason
        )
        if order_status:
            self.orders.known[order_id] = KnownOrder(order_status, NOW - 2 * HOUR, uuid4())
        return order_id

    async def kinds(self) -> list[tuple[str, bool]]:
        """What is found of all reservations, and whether it has a repair."""
        found = [one async for one in examine_all(self.reservations, limit=1, mend=False)]
        return sorted((one.drift.kind, one.drift.repair is not None) for one in found)


async def test_numbers_that_do_not_come_from_moves_are_set_right() -> None:
    shop = Shop()
    order_id = await shop.reserved(Status.HELD, "pending")
    assert await shop.stock.of_order(order_id) == ["bell"]
    assert [one async for one in examine_all(shop.stock, limit=1, mend=True)] == []
    shop.unit.products.rows["bell"].on_hand += 5
    (finding,) = [one async for one in examine_all(shop.stock, limit=1, mend=True)]
    assert (finding.drift.kind, finding.drift.subject, finding.mended) == (STOCK_DIFFERS, "bell", True)
    assert (finding.drift.ours, finding.drift.repair) == ("25 on hand, 2 held", "it becomes 20 on hand, 2 held")
    assert shop.unit.products.rows["bell"].on_hand == 20
    assert shop.unit.stock.recorded[-1].kind is MoveKind.RECONCILE
    assert [one async for one in examine_all(shop.stock, limit=1, mend=True)] == []


async def test_promises_that_are_more_than_there_is_are_left() -> None:
    shop = Shop()
    shop.unit.stock.promised["bell"] = 21
    (finding,) = await examine(shop.stock, ["bell"], mend=True)
    assert (finding.drift.repair, finding.mended) == (None, False)


async def test_a_repair_looks_again() -> None:
    shop = Shop()
    shop.unit.products.rows["bell"].held = 3
    (finding,) = await examine(shop.stock, ["bell"], mend=False)
    shop.unit.products.rows["bell"].held = 0
    await shop.stock.mend(finding.drift)
    await shop.stock.mend(replace(finding.drift, subject="gone"))
    assert shop.unit.stock.recorded == []


async def test_reservations_that_fit_their_orders() -> None:
    shop = Shop()
    await shop.reserved(Status.HELD, "pending")
    await shop.reserved(Status.HELD, None)  # never stored: the hold ends
    await shop.reserved(Status.COMMITTED, "confirmed")
    await shop.reserved(Status.COMMITTED, "delivered")
    await shop.reserved(Status.RELEASED, "cancelled", ReleaseReason.CANCELLED)
    assert await shop.kinds() == []


async def test_reservations_that_do_not_fit_their_orders() -> None:
    shop = Shop()
    await shop.reserved(Status.HELD, "cancelled")
    await shop.reserved(Status.COMMITTED, "cancelled")
    await shop.reserved(Status.HELD, "confirmed")
    await shop.reserved(Status.RELEASED, "shipped", ReleaseReason.EXPIRED)
    await shop.reserved(Status.RELEASED, "confirmed", ReleaseReason.CANCELLED)
    await shop.reserved(Status.COMMITTED, None)
    assert await shop.kinds() == [
        (CANCELLED_HOLDS_STOCK, True),
        (CANCELLED_HOLDS_STOCK, True),
        (CONFIRMED_WITHOUT_STOCK, False),
        (CONFIRMED_WITHOUT_STOCK, True),
        (CONFIRMED_WITHOUT_STOCK, True),
        (ORDER_UNKNOWN, False),
    ]


async def test_what_has_just_changed_is_not_compared() -> None:
    shop = Shop()
    order_id = await shop.reserved(Status.HELD, "confirmed")
    shop.orders.known[order_id] = KnownOrder("confirmed", NOW, None)
    other = await shop.reserved(Status.COMMITTED, "cancelled")
    shop.unit.reservations.young.add(other)
    assert await shop.kinds() == []


@pytest.mark.parametrize(
    ("status", "order_status", "after"),
    [(Status.HELD, "confirmed", Status.COMMITTED), (Status.COMMITTED, "cancelled", Status.RELEASED)],
)
async def test_a_reservation_is_repaired_to_match_its_order(status: Status, order_status: str, after: Status) -> None:
    shop = Shop()
    order_id = await shop.reserved(status, order_status)
    (subject,) = await shop.reservations.of_order(order_id)
    for mended in ([True], []):
        found = await examine(shop.reservations, [subject], mend=True)
        assert [one.mended for one in found] == mended
    assert shop.unit.reservations.rows[order_id].status is after


async def test_stock_that_is_short_ends_the_order() -> None:
    shop = Shop()
    order_id = await shop.reserved(Status.RELEASED, "confirmed", ReleaseReason.EXPIRED)
    shop.unit.products.rows["bell"].on_hand = shop.unit.products.rows["bell"].held = 0
    event_id = shop.orders.known[order_id].status_event_id
    assert event_id is not None
    for _ in range(2):
        await examine(shop.reservations, [str(order_id)], mend=True)
        await shop.reservations.apply(ApplyOrderStatus(event_id, order_id, "confirmed"))  # the event, late
    shorts = [fact for fact in shop.unit.published if isinstance(fact, StockShort)]
    assert shorts == [StockShort(order_id, {"bell": 2})]


async def test_an_order_that_has_moved_on_is_repaired_by_its_new_status() -> None:
    shop = Shop()
    order_id = await shop.reserved(Status.HELD, "confirmed")
    (finding,) = await examine(shop.reservations, [str(order_id)], mend=False)
    for status, after in (("pending", Status.HELD), ("shipped", Status.COMMITTED), ("cancelled", Status.RELEASED)):
        shop.orders.known[order_id] = KnownOrder(status, NOW, uuid4())
        await shop.reservations.mend(finding.drift)
        assert shop.unit.reservations.rows[order_id].status is after


async def test_nothing_is_found_while_order_is_away() -> None:
    shop = Shop()
    order_id = await shop.reserved(Status.COMMITTED, "confirmed")
    shop.orders.away = True
    with pytest.raises(Unavailable):
        await examine(shop.reservations, [str(order_id)], mend=True)
