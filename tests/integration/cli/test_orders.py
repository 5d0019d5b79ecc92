"""`argosy orders rebuild` on a real document store."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping

import pytest

from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.schema import Schema
from services.order.domain.history import fold
from services.order.domain.orders import Status
from tests.support.argosy import argosy
from tests.unit.order.examples import history_of

LONG_AGO = clock.from_text("2026-01-01T00:00:00Z")


@pytest.fixture
async def mongo(mongo_url: str) -> AsyncIterator[Mongo]:
    mongo = Mongo(mongo_url)
    await mongo.start()
    await Schema(MongoCommits(mongo), MongoReadSide(mongo), Leases(mongo)).start()
    yield mongo
    await mongo.stop()


@pytest.fixture
def pod(mongo_url: str) -> Mapping[str, str]:
    """What an order service's pod has in its environment, as far as the command looks."""
    return {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "MONGO_URL": mongo_url}


async def placed(mongo: Mongo, *statuses: Status) -> str:
    history = history_of(*statuses, at=LONG_AGO)
    for commit in history:
        await MongoCommits(mongo).append(commit)
    await MongoReadSide(mongo).project(fold(history))
    return str(history[0].order_id)


async def test_differences_are_listed_then_repaired_then_gone(mongo: Mongo, pod: Mapping[str, str]) -> None:
    fine, wrong, lost = await placed(mongo), await placed(mongo, Status.CONFIRMED), await placed(mongo)
    await mongo.collection("orders").update_one({"_id": wrong}, {"$set": {"status": "shipped"}})
    await mongo.collection("orders").delete_one({"_id": lost})
    check = ("orders", "rebuild", "--check")

    printed = await argosy(*check, "--json", environment=pod)
    assert printed.code == 1
    assert printed.err == ""
    printed = await argosy(*check, environment=pod)
    assert (printed.code, printed.err) == (1, "")
    lines = printed.out.splitlines()
    assert lines == [f"{wrong}  different   status", f"{lost}  missing", "3 orders compared: 2 differ."]
    assert fine not in printed.out

    mended = (await argosy("orders", "rebuild", "--json", environment=pod)).rows
    assert mended == [
        {"orderId": wrong, "found": "different", "fields": ["status"], "mended": True},
        {"orderId": lost, "found": "missing", "fields": [], "mended": True},
        {"compared": 3, "differ": 2, "mended": 2},
    ]
    assert (await argosy(*check, "--json", environment=pod)).rows == [{"compared": 3, "differ": 0, "mended": 0}]


async def test_progress_is_shown_to_people_and_is_not_in_what_is_piped_on(mongo: Mongo, pod: Mapping[str, str]) -> None:
    for _ in range(3):
        await mongo.collection("orders").delete_one({"_id": await placed(mongo)})
    terminal, side = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "orders", "rebuild", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=side,
            env={**os.environ, **pod, "TERM": "xterm"},
        )
        out, _ = await asyncio.wait_for(process.communicate(), 120)
        printed = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(side)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row.get("found") for row in rows] == ["missing", "missing", "missing", None]
    assert "orders compared" in printed
    assert "orderId" not in printed


async def test_what_cannot_be_mended_is_an_error(mongo: Mongo, pod: Mapping[str, str]) -> None:
    broken = await placed(mongo, Status.CONFIRMED)
    await mongo.collection("commits").delete_one({"_id": f"{broken}:1"})
    await mongo.collection("commits").update_one({"_id": f"{broken}:2"}, {"$set": {"version": 3}})
    printed = await argosy("orders", "rebuild", environment=pod)
    assert printed.code == 1
    assert f"{broken}  unreadable" in printed.out


async def test_a_store_that_is_away_is_named(pod: Mapping[str, str]) -> None:
    printed = await argosy("orders", "rebuild", "--check", environment={**pod, "MONGO_URL": "mongodb://127.0.0.1:1/x"})
    assert (printed.code, printed.out) == (2, "")
    assert printed.err == "argosy: the document store of the order service is unreachable: is it up? (`make status`)\n"
