"""A crash point of an instance is armed for as long as its fault lasts; whether it was reached is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import Stack
from tests.chaos import crashes
from tests.chaos.crashes import TARGETS, Crashes
from tests.support import crash_points


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    stack = Stack(tmp_path / "stack", 0)
    crashes.make_directories(stack)
    return stack


async def test_point_that_is_not_reached_is_disarmed(stack: Stack) -> None:
    found, place = Crashes(stack), crash_points.directory(stack, "order-2")
    async with found.lasting("order-2:relay.acknowledged"):
        assert place.armed() == {"relay.acknowledged"}
    assert place.armed() == set()
    assert (found.armed["relay.acknowledged"], found.died["relay.acknowledged"]) == (1, 0)


async def test_death_is_counted(stack: Stack) -> None:
    found, place = Crashes(stack), crash_points.directory(stack, "user")
    async with found.lasting("user:relay.marked"):
        (place.path / "relay.marked.reached").touch()
        (place.path / "relay.marked.armed").unlink()
    assert found.died["relay.marked"] == 1
    assert found.reached() == {"relay.marked"}
    report = list(found.report())
    assert "| relay.marked | 1 | 1 |" in report
    (never,) = [line for line in report if line.startswith("Never reached: ")]
    assert "relay.acknowledged" in never
    assert "relay.marked" not in never


def test_each_instance_has_the_points_of_its_service() -> None:
    assert {"order:order.closed", "order-2:order.closed", "user-2:relay.marked"} <= set(TARGETS)
    assert "user:order.closed" not in TARGETS
