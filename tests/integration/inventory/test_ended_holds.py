"""What becomes of holds whose time is over: the order service decides, and while it does not answer nothing does."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import grpc
import pytest
from prometheus_client import REGISTRY

from services.inventory.adapters.reservations import PostgresReservations
from services.inventory.domain.reservations import Line, ReleaseReason, ReservationEnded
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from tests.integration.inventory.lab import CANCELLED, CLOSED, OPEN, Inventory


async def ended(inventory: Inventory, *lines: Line) -> UUID:
    """An order whose hold's time is over; its id."""
    order_id = uuid4()
    await inventory.reserve(order_id, *(lines or (Line("bell", 1),)))
    await inventory.end_hold(order_id)
    return order_id


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("argosy_inventory_ended_holds_total", {"outcome": outcome}) or 0


async def test_time_alone_takes_nothing_from_an_order_that_exists(inventory: Inventory) -> None:
    order_id = await ended(inventory)
    inventory.order.states[order_id] = OPEN
    before = counted("extended")

    for _ in range(3):
        await inventory.expire()
        assert await inventory.reservation(order_id) == ("held", None)
        assert not await inventory.hold_has_ended(order_id), "it is asked about again after a while, not at once"
        await inventory.end_hold(order_id)

    assert await inventory.stock("bell") == (10, 1)
    assert await inventory.published() == {"STOCK_RESERVED": 1}
    assert counted("extended") == before + 3


@pytest.mark.parametrize(("state", "reason"), [(CLOSED, ReleaseReason.EXPIRED), (CANCELLED, ReleaseReason.CANCELLED)])
async def test_what_no_order_needs_is_given_back_once(inventory: Inventory, state: int, reason: ReleaseReason) -> None:
    order_id = await ended(inventory)
    inventory.order.states[order_id] = state  # type: ignore[assignment]

    looked_at = await asyncio.gather(*(inventory.expire() for _ in range(5)))

    assert sum(looked_at) == 1, "several replicas look, and one of them gives it back"
    assert await inventory.reservation(order_id) == ("released", reason)
    assert await inventory.stock("bell") == (10, 0)
    assert await inventory.published() == {"STOCK_RESERVED": 1, "STOCK_RELEASED": 1}


async def test_the_event_of_a_cancelled_order_whose_stock_is_back_changes_nothing(inventory: Inventory) -> None:
    order_id = await ended(inventory)
    inventory.order.states[order_id] = CANCELLED
    await inventory.expire()
    await inventory.release(order_id)
    assert await inventory.stock("bell") == (10, 0)
    assert await inventory.published() == {"STOCK_RESERVED": 1, "STOCK_RELEASED": 1}


@pytest.mark.parametrize(
    "status",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,  # by a version that does not know the rpc yet
        grpc.StatusCode.PERMISSION_DENIED,
    ],
)
async def test_no_answer_means_keep_and_ask_again(inventory: Inventory, status: grpc.StatusCode) -> None:
    order_id = await ended(inventory)
    inventory.order.refuses_with = status
    before = counted("unanswered")

    looking = asyncio.create_task(inventory.expiry.run())
    async with asyncio.timeout(30):
        while len(inventory.order.asked) < 3:
            await asyncio.sleep(0.02)
    assert await inventory.reservation(order_id) == ("held", None)
    assert await inventory.stock("bell") == (10, 1)
    assert counted("unanswered") >= before + 2

    inventory.order.refuses_with = None
    async with asyncio.timeout(30):
        while await inventory.reservation(order_id) == ("held", None):
            await asyncio.sleep(0.02)
    looking.cancel()
    assert await inventory.reservation(order_id) == ("released", "expired")


async def test_an_answer_that_is_not_understood_keeps_the_hold(inventory: Inventory) -> None:
    unknown, fine = await ended(inventory), await ended(inventory)
    inventory.order.states[unknown] = 0  # type: ignore[assignment]
    await inventory.expire()
    assert await inventory.reservation(unknown) == ("held", None)
    assert await inventory.reservation(fine) == ("released", "expired")


async def test_a_repeat_that_comes_while_order_is_asked_keeps_its_hold(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await ended(inventory)
    locked = PostgresReservations.lock_expired

    async def after_a_repeat(*arguments: object) -> bool:
        await inventory.reserve(order_id, Line("bell", 1))
        return await locked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(PostgresReservations, "lock_expired", after_a_repeat)
    assert await inventory.expire() == 0
    assert await inventory.reservation(order_id) == ("held", None)


async def test_many_are_asked_about_a_hundred_at_a_time(inventory: Inventory) -> None:
    await inventory.adjust("bell", 1000)
    gone = [await ended(inventory) for _ in range(120)]
    needed = [await ended(inventory) for _ in range(120)]
    inventory.order.states.update(dict.fromkeys(needed, OPEN))

    looking = asyncio.create_task(inventory.expiry.run())
    async with asyncio.timeout(60):
        while await inventory.stock("bell") != (1010, len(needed)):
            await asyncio.sleep(0.05)
    looking.cancel()

    assert max(map(len, inventory.order.asked)) == 100
    for order_id in needed:
        assert await inventory.reservation(order_id) == ("held", None)
    for order_id in gone:
        assert await inventory.reservation(order_id) == ("released", "expired")


async def test_one_whose_stock_cannot_be_given_back_holds_up_no_other(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = await ended(inventory), await ended(inventory, Line("chart", 1))
    released = ReleaseReservationHandler.within

    async def fail_for_one(self: ReleaseReservationHandler, unit: object, order_id: UUID, *reason: object) -> object:
        if order_id == broken:
            raise RuntimeError("the stock does not match its reservation")
        return await released(self, unit, order_id, *reason)  # type: ignore[arg-type]

    monkeypatch.setattr(ReleaseReservationHandler, "within", fail_for_one)
    assert await inventory.expire() == 1
    assert await inventory.reservation(broken) == ("held", None)
    assert await inventory.reservation(fine) == ("released", "expired")


async def test_what_was_closed_can_hold_nothing_any_more(inventory: Inventory) -> None:
    order_id = await ended(inventory)
    await inventory.expire()
    with pytest.raises(ReservationEnded):
        await inventory.reserve(order_id, Line("bell", 1))
    assert await inventory.stock("bell") == (10, 0)
