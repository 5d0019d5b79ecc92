"""The document store: connected to, watched, and reported as unavailable while it is away."""

from __future__ import annotations

import contextlib
import uuid

import asyncpg
import pytest
from pymongo.errors import DuplicateKeyError

from services.chassis.data import mongo as mongo_module
from services.chassis.data.mongo import Mongo, unavailable_when_away
from services.chassis.plain import clock
from services.chassis.plain.errors import Unavailable
from services.chassis.process.resource import Impaired
from services.chassis.process.trouble import Trouble
from tests.integration.chassis.data.waiting import until
from tests.support.real_stack import RealStack


async def test_keeps_documents_with_instants_as_they_were(mongo_url: str) -> None:
    mongo = Mongo(mongo_url)
    await mongo.start()
    await mongo.check()
    lab, now = mongo.collection("lab"), clock.now()
    await lab.insert_one({"_id": "one", "at": now})
    assert await lab.find_one({"_id": "one"}) == {"_id": "one", "at": now}
    with pytest.raises(DuplicateKeyError), unavailable_when_away():
        await lab.insert_one({"_id": "one"})
    await mongo.stop()
    with pytest.raises(Unavailable):
        mongo.collection("lab")


async def test_refuses_to_guess_how_a_uuid_is_kept(mongo_url: str) -> None:
    mongo = Mongo(mongo_url)
    await mongo.start()
    with pytest.raises(ValueError, match="UUID"):
        await mongo.collection("lab").insert_one({"_id": uuid.uuid4()})
    assert await mongo.collection("lab").count_documents({}) <= 1
    await mongo.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a server that is not there."""
    monkeypatch.setattr(mongo_module, "SELECT_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_is_away_is_unavailable() -> None:
    mongo = Mongo("mongodb://127.0.0.1:1/lab")
    with pytest.raises(Unavailable):
        await mongo.check()

    async def ask() -> None:
        with unavailable_when_away():
            await mongo.start()

    with pytest.raises(Unavailable):
        await ask()
    await mongo.stop()


@pytest.mark.usefixtures("impatient")
async def test_the_url_names_the_database() -> None:
    mongo = Mongo("mongodb://127.0.0.1:1/")
    with pytest.raises(Exception, match="Connection refused"):
        await mongo.start()
    with pytest.raises(ValueError, match="names no database"):
        mongo.collection("lab")
    await mongo.stop()


async def test_a_database_behind_the_store_that_takes_no_writes_is_waited_for(
    mongo_url: str, real_stack: RealStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_module, "_trouble", Trouble())  # the process would remember it in the next tests
    mongo = Mongo(mongo_url)
    await mongo.start()
    await insert(mongo, "before")
    admin = await asyncpg.connect(real_stack.postgres_url("postgres"))
    ends = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'ferretdb'"
    await admin.execute("ALTER DATABASE ferretdb SET default_transaction_read_only = on")
    try:
        await admin.execute(ends)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await insert(mongo, "meanwhile")
        with pytest.raises(Impaired):
            await mongo.check()
    finally:
        await admin.execute("ALTER DATABASE ferretdb RESET default_transaction_read_only")
        await admin.execute(ends)
        await admin.close()

    async def stored() -> bool:
        with contextlib.suppress(Unavailable):
            with contextlib.suppress(DuplicateKeyError):  # by a try that was not answered
                await insert(mongo, "after")
            return True
        return False

    await until(stored)
    with unavailable_when_away():
        found = await mongo.collection("lab").find({"_id": {"$in": ["before", "meanwhile", "after"]}}).to_list(None)
    assert {document["_id"] for document in found} == {"before", "after"}
    await mongo.stop()


async def insert(mongo: Mongo, name: str) -> None:
    """Write a document, as a store does."""
    with unavailable_when_away():
        await mongo.collection("lab").insert_one({"_id": name})
