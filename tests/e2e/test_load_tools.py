"""The load tools run against a stack and print their figures. The figures themselves are for people."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from local.paths import PYTHON, ROOT
from tests.support.real_stack import RealStack

BURSTS = {"register": 2, "login": 2, "get_user": 20, "create_order": 4, "create_payment": 4}
"""Scripts, and how many calls each makes here."""
_PATIENCE_SECONDS = 300


async def printed(stack: RealStack, *command: str | Path, **environment: Path) -> str:
    """What a command prints. It has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=ROOT,
        env={**os.environ, **stack.stack.environment, "COLUMNS": "200", **{k: str(v) for k, v in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_SECONDS)
    assert process.returncode == 0, out.decode() + err.decode()
    return out.decode()


def parts_in(table: str) -> list[str]:
    """The first column."""
    return [row.strip("│ ").partition("│")[0].strip() for row in table.splitlines()]


@pytest.mark.parametrize("burst", BURSTS)
async def test_every_call_of_a_burst_succeeds(stack: RealStack, burst: str) -> None:
    calls = BURSTS[burst]
    report = await printed(stack, ROOT / "load" / f"{burst}.sh", str(calls), "2")
    assert f"[OK]   {calls} responses" in report


async def test_the_cost_of_a_call_stands_beside_that_of_a_bare_handler(stack: RealStack) -> None:
    table = await printed(
        stack, PYTHON, "-m", "load.chassis_cost", "--rounds", "1", "--calls", "100", "--warm-up", "20"
    )
    assert {"user service", "bare handler", "ratio"} <= set(parts_in(table))


async def test_the_cost_of_operations_is_shown_and_reported(stack: RealStack, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    few = ("--rounds", "1", "--times", "20", "--idle", "1")
    table = await printed(stack, PYTHON, "-m", "load.operation_cost", *few, BENCH_REPORT=report)
    operations = {
        "gRPC call, both ends",
        "PostgreSQL read of one row",
        "MongoDB insert",
        "event, produced and consumed",
    }
    assert operations <= set(parts_in(table)), table
    text = report.read_text()
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    assert all(rows.count(operation) == 2 for operation in operations), "with its cost, and in the floor of a purchase"
    assert "floor" in rows
    assert "(floor.svg)" in text
    drawn = ElementTree.parse(tmp_path / "floor.svg").getroot()  # noqa: S314 - our own
    assert "3 × MongoDB insert" in {element.text for element in drawn.iter()}


async def test_the_cost_of_the_usual_calls_is_shown(stack: RealStack) -> None:
    few = ("--rounds", "1", "--calls", "2", "--at-once", "2", "--settle", "0", "--idle", "1")
    table = await printed(stack, PYTHON, "-m", "load.call_cost", *few)
    assert {"GET user", "GET product", "GET order", "POST order", "POST payment"} <= set(parts_in(table)), table


async def test_a_hot_product_is_shown_beside_many(stack: RealStack) -> None:
    few = ("--rounds", "1", "--orders", "4", "--products", "2", "--at-once", "2", "--settle", "0")
    table = await printed(stack, PYTHON, "-m", "load.hot_product", *few)
    assert {"one product", "many products"} <= set(parts_in(table)), table


async def test_the_cost_of_a_purchase_is_shown_by_part(stack: RealStack) -> None:
    few = ("--rounds", "1", "--purchases", "2", "--at-once", "2", "--warm-up", "1", "--settle", "0", "--idle", "1")
    table = await printed(stack, PYTHON, "-m", "load.purchase_cost", *few)
    rows = parts_in(table)
    for part in ("order", "payment", "postgres", "edge", "all parts"):
        assert rows.count(part) == 2, table
