"""Inventory's use cases with its ports in memory. The adapters are held by tests/integration/inventory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.chassis.plain.errors import IdempotencyMismatch, Unavailable
from services.chassis.plain.money import Money
from services.chassis.plain.unit_of_work import Repeatable
from services.inventory.domain.bounds import Bounds, TooMuchHeld
from services.inventory.domain.facts import StockLow, StockReleased, StockReserved, StockShort
from services.inventory.domain.products import (
    CurrencyWithoutPrice,
    NewProduct,
    ProductChange,
    ProductExists,
    UnknownProduct,
)
from services.inventory.domain.reservations import (
    Line,
    NoReservation,
    OrderState,
    OtherLines,
    OutOfStock,
    ReleaseReason,
    ReservationEnded,
    Status,
)
from services.inventory.domain.stock import AdjustmentRefused
from services.inventory.use_cases.adjust_stock import AdjustStock, AdjustStockHandler
from services.inventory.use_cases.apply_order_status import ApplyOrderStatus, ApplyOrderStatusHandler
from services.inventory.use_cases.change_product import ChangeProduct, ChangeProductHandler
from services.inventory.use_cases.commit_reservation import CommitReservation, CommitReservationHandler
from services.inventory.use_cases.create_product import CreateProduct, CreateProductHandler
from services.inventory.use_cases.expire_holds import ExpireHoldsHandler
from services.inventory.use_cases.get_product import GetProduct, GetProductHandler
from services.inventory.use_cases.list_products import ListProducts, ListProductsHandler
from services.inventory.use_cases.list_stock_moves import ListStockMoves, ListStockMovesHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservation, ReleaseReservationHandler
from services.inventory.use_cases.reserve_stock import ReserveStock, ReserveStockHandler
from tests.unit.chassis.fakes import FakeWork
from tests.unit.inventory.fakes import FakeInventory, FakeOrders

BELL = NewProduct("bell", "Bell", "", Money(8900, "USD"), on_hand=10, low_stock_threshold=3)
CHART = NewProduct("chart", "Chart", "", Money(1250, "USD"), on_hand=10)
STAFF = uuid4()
HOUR = timedelta(hours=1)


class Shop:
    """All use cases on one inventory in memory."""

    def __init__(self) -> None:
        self.unit = FakeInventory(BELL, CHART)
        self.orders = FakeOrders()
        self.work = work = FakeWork(self.unit)
        low = PublishLowStock(0)
        self.reserve = ReserveStockHandler(work, HOUR, low, Bounds(orders=3, pieces=8))
        self.commit = CommitReservationHandler(work, low)
        self.release = ReleaseReservationHandler(work)
        self.apply = ApplyOrderStatusHandler(work, self.commit, self.release)
        self.expire = ExpireHoldsHandler(work, self.orders, self.release, HOUR)
        self.adjust = AdjustStockHandler(work, low)
        self.create = CreateProductHandler(work)
        self.change = ChangeProductHandler(work)
        self.get = GetProductHandler(work)
        self.list = ListProductsHandler(work)
        self.moves = ListStockMovesHandler(work)

    async def hold(self, quantity: int = 1) -> UUID:
        order_id = uuid4()
        await self.reserve(ReserveStock(order_id, [Line("bell", quantity)]))
        return order_id

    def stock(self, product_id: str = "bell") -> tuple[int, int]:
        row = self.unit.products.rows[product_id]
        return row.on_hand, row.held

    def status(self, order_id: UUID) -> tuple[Status, ReleaseReason | None]:
        found = self.unit.reservations.rows[order_id]
        return found.status, found.release_reason


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_reserving_holds_and_publishes(shop: Shop) -> None:
    order_id = await shop.hold(2)
    assert shop.stock() == (10, 2)
    assert shop.unit.published == [StockReserved(order_id, {"bell": 2})]


async def test_a_repeat_extends_the_hold_and_takes_nothing_more(shop: Shop) -> None:
    order_id = await shop.hold()
    again = await shop.reserve(ReserveStock(order_id, [Line("bell", 1)]))
    assert (again.status, shop.stock()) == (Status.HELD, (10, 1))
    with pytest.raises(OtherLines):
        await shop.reserve(ReserveStock(order_id, [Line("bell", 2)]))


async def test_a_repeat_after_the_sale_answers_the_sale(shop: Shop) -> None:
    order_id = await shop.hold()
    await shop.commit(CommitReservation(order_id))
    assert (await shop.reserve(ReserveStock(order_id, [Line("bell", 1)]))).status is Status.COMMITTED


async def test_too_much_is_refused_and_leaves_nothing(shop: Shop) -> None:
    with pytest.raises(OutOfStock):
        await shop.hold(11)
    assert not shop.unit.reservations.rows
    assert not shop.unit.published


async def test_stock_that_moves_under_every_try_is_unavailable(shop: Shop) -> None:
    shop.unit.stock.price_changes = 1
    with pytest.raises(Unavailable):
        await shop.hold()
    assert shop.stock() == (10, 0)


async def test_falling_below_the_threshold_is_published_once(shop: Shop) -> None:
    await shop.hold(8)
    await shop.hold(1)
    assert [fact for fact in shop.unit.published if isinstance(fact, StockLow)] == [StockLow("bell", 2)]


async def test_committing_sells_once(shop: Shop) -> None:
    order_id = await shop.hold(2)
    for _ in range(2):
        assert (await shop.commit(CommitReservation(order_id))).status is Status.COMMITTED
    assert shop.stock() == (8, 0)


async def test_there_is_nothing_to_commit_without_a_reservation(shop: Shop) -> None:
    with pytest.raises(NoReservation):
        await shop.commit(CommitReservation(uuid4()))


async def test_releasing_gives_back_once_and_for_good(shop: Shop) -> None:
    order_id = await shop.hold(2)
    for _ in range(2):
        await shop.release(ReleaseReservation(order_id))
    assert shop.stock() == (10, 0)
    assert shop.unit.published[1:] == [StockReleased(order_id, {"bell": 2}, ReleaseReason.CANCELLED)]
    with pytest.raises(ReservationEnded):
        await shop.commit(CommitReservation(order_id))
    with pytest.raises(ReservationEnded):
        await shop.reserve(ReserveStock(order_id, [Line("bell", 2)]))


async def test_a_release_that_overtakes_its_reservation_refuses_it(shop: Shop) -> None:
    order_id = uuid4()
    await shop.release(ReleaseReservation(order_id))
    with pytest.raises(ReservationEnded):
        await shop.reserve(ReserveStock(order_id, [Line("bell", 1)]))
    with pytest.raises(ReservationEnded):
        await shop.commit(CommitReservation(order_id))


async def test_cancelling_outlives_expiry(shop: Shop) -> None:
    order_id = await shop.hold()
    async with shop.work.begin("test") as unit:
        await shop.release.within(unit, order_id, ReleaseReason.EXPIRED)
    await shop.release(ReleaseReservation(order_id))
    assert shop.status(order_id) == (Status.RELEASED, ReleaseReason.CANCELLED)


async def test_stock_that_does_not_fit_its_reservation_is_an_error(shop: Shop) -> None:
    order_id = await shop.hold(2)
    await shop.commit(CommitReservation(order_id))
    shop.unit.products.rows["bell"].held = 11
    with pytest.raises(RuntimeError):
        await shop.release(ReleaseReservation(order_id))


@pytest.mark.parametrize(("status", "stock"), [("confirmed", (9, 0)), ("cancelled", (10, 0)), ("shipped", (10, 1))])
async def test_an_order_event_is_applied_once(shop: Shop, status: str, stock: tuple[int, int]) -> None:
    order_id, event_id = await shop.hold(), uuid4()
    for _ in range(2):
        await shop.apply(ApplyOrderStatus(event_id, order_id, status))
    assert shop.stock() == stock
    assert (order_id in shop.unit.reservations.shipped) == (status == "shipped")


async def test_other_states_of_an_order_change_nothing(shop: Shop) -> None:
    order_id = await shop.hold()
    await shop.apply(ApplyOrderStatus(uuid4(), order_id, "delivered"))
    assert shop.stock() == (10, 1)


async def test_a_paid_order_whose_stock_is_gone_is_short_once(shop: Shop) -> None:
    order_id, event_id = await shop.hold(10), uuid4()
    async with shop.work.begin("test") as unit:
        await shop.release.within(unit, order_id, ReleaseReason.EXPIRED)
    await shop.hold(5)
    for _ in range(2):
        await shop.apply(ApplyOrderStatus(event_id, order_id, "confirmed"))
    assert shop.unit.published[-1] == StockShort(order_id, {"bell": 10})
    assert sum(isinstance(fact, StockShort) for fact in shop.unit.published) == 1


async def test_a_sale_of_an_ended_or_unknown_order_is_an_outcome(shop: Shop) -> None:
    ended = await shop.hold()
    await shop.release(ReleaseReservation(ended))
    for order_id in (ended, uuid4()):
        await shop.apply(ApplyOrderStatus(uuid4(), order_id, "confirmed"))
    assert shop.stock() == (10, 0)


async def test_the_order_service_decides_about_ended_holds(shop: Shop) -> None:
    states = {await shop.hold(): state for state in OrderState} | {await shop.hold(): None}
    shop.orders.states = {order_id: state for order_id, state in states.items() if state}
    shop.unit.reservations.ended = set(states)
    assert await shop.expire() == 3
    assert [shop.status(order_id) for order_id in states] == [
        (Status.HELD, None),
        (Status.RELEASED, ReleaseReason.CANCELLED),
        (Status.RELEASED, ReleaseReason.EXPIRED),
        (Status.HELD, None),
    ]


async def test_without_an_answer_everything_stays_held(shop: Shop) -> None:
    order_id = await shop.hold()
    shop.unit.reservations.ended = {order_id}
    shop.orders.away = True
    with pytest.raises(Unavailable) as raised:
        await shop.expire()
    shop.expire.count_unanswered(raised.value)
    assert shop.status(order_id) == (Status.HELD, None)


async def test_no_ended_hold_asks_nobody(shop: Shop) -> None:
    shop.orders.away = True
    assert await shop.expire() == 0


async def test_a_hold_that_cannot_be_released_holds_up_no_other(shop: Shop) -> None:
    broken, fine = await shop.hold(), await shop.hold()
    shop.unit.reservations.ended = {broken, fine}
    shop.unit.reservations.broken = {broken}
    shop.orders.states = dict.fromkeys((broken, fine), OrderState.CLOSED)
    assert await shop.expire() == 1
    assert shop.status(fine) == (Status.RELEASED, ReleaseReason.EXPIRED)


async def test_staff_adjust_within_what_orders_leave(shop: Shop) -> None:
    await shop.hold(4)
    with pytest.raises(AdjustmentRefused):
        await shop.adjust(AdjustStock("bell", -7, None, STAFF, Repeatable(None, b"")))
    with pytest.raises(UnknownProduct):
        await shop.adjust(AdjustStock("sail", 1, None, STAFF, Repeatable(None, b"")))
    move = await shop.adjust(AdjustStock("bell", -6, "broken", STAFF, Repeatable("k", b"1")))
    assert await shop.adjust(AdjustStock("bell", -6, "broken", STAFF, Repeatable("k", b"1"))) == move
    with pytest.raises(IdempotencyMismatch):
        await shop.adjust(AdjustStock("bell", -5, "broken", STAFF, Repeatable("k", b"2")))
    assert shop.stock() == (4, 4)


async def test_moves_come_in_pages(shop: Shop) -> None:
    for _ in range(3):
        await shop.hold()
    first, before = await shop.moves(ListStockMoves("bell", None, 2))
    rest, end = await shop.moves(ListStockMoves("bell", before, 2))
    assert [move.id for move in first + rest] == [3, 2, 1]
    assert end is None
    with pytest.raises(UnknownProduct):
        await shop.moves(ListStockMoves("sail", None, 2))


async def test_products_come_in_pages(shop: Shop) -> None:
    first, after = await shop.list(ListProducts("", 1))
    rest, end = await shop.list(ListProducts(after or "", 1))
    assert ([product.id for product in first + rest], end) == (["bell", "chart"], None)


async def test_a_product_is_created_once(shop: Shop) -> None:
    sail = replace(BELL, id="sail", on_hand=0)
    made = await shop.create(CreateProduct(sail, STAFF, Repeatable("k", b"1")))
    assert await shop.create(CreateProduct(sail, STAFF, Repeatable("k", b"1"))) == made
    assert await shop.get(GetProduct("sail")) == made
    with pytest.raises(ProductExists):
        await shop.create(CreateProduct(sail, STAFF, Repeatable("other", b"1")))
    with pytest.raises(UnknownProduct):
        await shop.get(GetProduct("mast"))


async def test_a_change_keeps_what_it_does_not_name(shop: Shop) -> None:
    changed = await shop.change(ChangeProduct(ProductChange("bell", price=Decimal("90.50"))))
    assert (changed.name, changed.price) == ("Bell", Money(9050, "USD"))
    assert (await shop.change(ChangeProduct(ProductChange("bell", name="Gong")))).price == Money(9050, "USD")
    with pytest.raises(CurrencyWithoutPrice):
        await shop.change(ChangeProduct(ProductChange("bell", currency="EUR")))
    with pytest.raises(UnknownProduct):
        await shop.change(ChangeProduct(ProductChange("sail", price=Decimal(1))))


async def test_one_customer_holds_a_bounded_number_of_orders_and_pieces(shop: Shop) -> None:
    ada = uuid4()
    orders = [uuid4() for _ in range(3)]
    for order_id in orders:
        await shop.reserve(ReserveStock(order_id, [Line("bell", 1)], ada))
    before = shop.stock()
    with pytest.raises(TooMuchHeld, match="at most 3 unpaid orders"):
        await shop.reserve(ReserveStock(uuid4(), [Line("bell", 1)], ada))
    assert shop.stock() == before
    await shop.reserve(ReserveStock(orders[0], [Line("bell", 1)], ada))  # the repeat of an order is none more
    await shop.reserve(ReserveStock(uuid4(), [Line("bell", 1)], uuid4()))  # nor is somebody else's
    await shop.commit(CommitReservation(orders[0]))
    await shop.release(ReleaseReservation(orders[1]))
    with pytest.raises(TooMuchHeld, match="at most 8 pieces"):
        await shop.reserve(ReserveStock(uuid4(), [Line("chart", 4), Line("chart", 4)], ada))
    await shop.reserve(ReserveStock(uuid4(), [Line("chart", 4), Line("chart", 3)], ada))
