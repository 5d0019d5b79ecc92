"""Numbers that were changed by hand are set right, and the moves still add up to them."""

from __future__ import annotations

from uuid import uuid4

from services.chassis.plain.comparison import examine
from services.inventory.domain.reservations import Line
from services.inventory.use_cases.compare_stock import CompareStock
from tests.integration.inventory.lab import Inventory


async def mend(inventory: Inventory) -> list[str]:
    findings = await examine(CompareStock(inventory.work), ["bell"], mend=True)
    return [finding.drift.kind for finding in findings if finding.mended]


async def moves_add_up_to(inventory: Inventory) -> tuple[int, int]:
    moves = await inventory.moves("bell")
    return sum(move.on_hand_delta for move in moves), sum(move.held_delta for move in moves)


async def test_a_change_by_hand_that_nothing_followed(inventory: Inventory) -> None:
    await inventory.reserve(uuid4(), Line("bell", 2))
    await inventory.postgres.execute("UPDATE products SET on_hand = 9, held = 4 WHERE id = 'bell'")
    assert await mend(inventory) == ["stock_differs"]
    assert await inventory.stock("bell") == await moves_add_up_to(inventory) == (10, 2)
    assert await mend(inventory) == []


async def test_a_change_by_hand_that_other_moves_followed(inventory: Inventory) -> None:
    await inventory.postgres.execute("UPDATE products SET held = 3 WHERE id = 'bell'")
    await inventory.reserve(uuid4(), Line("bell", 2))
    assert await inventory.stock("bell") == (10, 5)
    assert await mend(inventory) == ["stock_differs"]
    assert await inventory.stock("bell") == await moves_add_up_to(inventory) == (10, 2)
    assert await mend(inventory) == []
