"""The order service's stores on a real document store, and a connection to it that can be cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from services.chassis.data.mongo import Document, Mongo
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.read_side import MongoReadSide
from services.order.adapters.schema import Schema
from tests.integration.order.support import CutProxy


@pytest.fixture(scope="module")
async def mongo(mongo_url: str) -> AsyncIterator[Mongo]:
    """A database of this module's own, with the service's indexes."""
    mongo = Mongo(mongo_url)
    await mongo.start()
    await Schema(MongoCommits(mongo), MongoReadSide(mongo), Leases(mongo)).start()
    yield mongo
    await mongo.stop()


@pytest.fixture
async def documents(mongo: Mongo) -> AsyncIterator[AsyncIOMotorDatabase[Document]]:
    """The store, without orders before and after the test."""
    collections = [mongo.collection(name) for name in ("commits", "orders", "shelves", "slices")]
    for one in collections:
        await one.delete_many({})
    yield mongo.database
    for one in collections:
        await one.delete_many({})


@pytest.fixture
def store(mongo: Mongo) -> MongoCommits:
    """The commits."""
    return MongoCommits(mongo)


@pytest.fixture
def read_side(mongo: Mongo) -> MongoReadSide:
    """The read side."""
    return MongoReadSide(mongo)


@pytest.fixture
def proxy(mongo_url: str) -> Iterator[CutProxy]:
    """A proxy between a client and the document store that drops what a test selects."""
    proxy = CutProxy(mongo_url)
    proxy.start()
    yield proxy
    proxy.stop()
