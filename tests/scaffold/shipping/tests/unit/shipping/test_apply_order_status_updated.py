"""Shipping applies ORDER_STATUS_UPDATED; its ports are in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.shipping.domain.facts import ShipmentCreated
from services.shipping.domain.shipments import Shipment
from services.shipping.use_cases.apply_order_status_updated import (
    ApplyOrderStatusUpdated,
    ApplyOrderStatusUpdatedHandler,
)
from tests.unit.chassis.fakes import FakeWork
from tests.unit.shipping.fakes import FakeShipping

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER, USER = uuid4(), uuid4()


@pytest.fixture
def unit() -> FakeShipping:
    return FakeShipping()


def moved(status: str, event_id: UUID | None = None) -> ApplyOrderStatusUpdated:
    return ApplyOrderStatusUpdated(event_id or uuid4(), ORDER, USER, status, NOW)


async def test_a_confirmed_order_is_shipped_once(unit: FakeShipping) -> None:
    command = moved("confirmed")
    for _ in range(2):
        await ApplyOrderStatusUpdatedHandler(FakeWork(unit))(command)
    assert unit.shipments.rows == {ORDER: Shipment(ORDER, USER, NOW)}
    assert unit.published == [ShipmentCreated(ORDER)]


@pytest.mark.parametrize("status", ["shipped", "delivered", "cancelled"])
async def test_other_states_ship_nothing(unit: FakeShipping, status: str) -> None:
    await ApplyOrderStatusUpdatedHandler(FakeWork(unit))(moved(status))
    assert (unit.shipments.rows, unit.published) == ({}, [])
