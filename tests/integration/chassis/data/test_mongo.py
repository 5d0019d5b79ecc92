"""The document store: reached, watched, and told as unavailable when it is away."""

from __future__ import annotations

import uuid

import pytest
from pymongo.errors import DuplicateKeyError

from services.chassis import clock
from services.chassis import mongo as mongo_module
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo, unavailable_when_away


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
