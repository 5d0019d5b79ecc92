"""The commits of all orders, in MongoDB: the source of truth, from which everything else is derived.

A commit is one insert of one document. Its `_id` is "<order>:<version>", so of two writers of one version exactly one
wins, on MongoDB as on FerretDB (where updates, even guarded ones, are not isolated). The same insert adds to the
history and to the outbox, which consists of the documents with `published: false`.

Every query is by equality on one indexed top-level field, the only kind for which FerretDB uses an index.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne
from pymongo.errors import (
    DocumentTooLarge,
    DuplicateKeyError,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from services.chassis.data import mongo
from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.order.adapters.documents import commit_from_document, commit_to_document
from services.order.adapters.slices import placed_slice
from services.order.domain.history import Commit, first_commit_id
from services.order.ports import NotStored, OrderClosed, OutcomeUnknown, VersionTaken

_BATCH = 500
_MARKS = 8
"""Marks of a command. FerretDB keeps a connection to its PostgreSQL for each until the whole command is done."""
_CLOSED_AT = "closedAt"

_NEVER_SENT = (ServerSelectionTimeoutError, WaitQueueTimeoutError, DocumentTooLarge)
"""Errors from before the document left this process."""


@dataclass(frozen=True)
class CommitKey:
    """Which commit, of which order, made when: without the events, which a newer version may have written."""

    id: str
    order_id: UUID
    at: datetime


class MongoCommits:
    """Reads and appends commits (ports.Commits). Every call raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def ensure_indexes(self) -> None:
        """Makes the indexes of the queries below; repeating it changes nothing."""
        for field in ("orderId", "published", "settled", "slice"):
            await self._commits.create_index([(field, 1)])

    async def load(self, order_id: UUID) -> list[Commit]:
        """See ports.Commits."""
        with unavailable_when_away():
            documents = await self._commits.find({"orderId": str(order_id)}).to_list(None)
        return sorted(map(commit_from_document, documents), key=lambda commit: commit.version)

    async def order_ids(self) -> AsyncIterator[str]:
        """See ports.Commits."""
        with unavailable_when_away():
            async for document in self._commits.find({"version": 1}, {"orderId": 1}, batch_size=_BATCH):
                yield document["orderId"]

    async def append(self, commit: Commit) -> None:
        """See ports.Commits. A lost answer is looked up."""
        reach("order.commit.before")
        try:
            await self._commits.insert_one(_document(commit))
            reach("order.commit.stored")
        except DuplicateKeyError:
            if commit.version == 1 and await self._is_closed(commit.order_id):
                raise OrderClosed from None
            raise VersionTaken from None
        except _NEVER_SENT as error:
            raise NotStored from error
        except PyMongoError as error:
            mongo.remember(error)
            await self._look_whether_stored(commit, error)

    async def close(self, order_id: UUID) -> bool:
        """See ports.Commits.

        The document that takes the place of the first commit has its `_id` and none of its fields: a call that is about
        to store the order, however long ago it began, loses the race, and no query finds the document.
        """
        try:
            with unavailable_when_away():
                await self._commits.insert_one({"_id": first_commit_id(order_id), _CLOSED_AT: clock.now()})
            reach("order.closed")
        except DuplicateKeyError:
            return await self._is_closed(order_id)
        return True

    async def unpublished(self, limit: int) -> list[CommitKey]:
        """Up to `limit` commits that the bus may not have yet, in no particular order."""
        return await self._some({"published": False}, limit)

    async def mark_published(self, commits: Sequence[Commit]) -> None:
        """Records that the bus has all events of these commits."""
        # Two projections of one order can only cross from the third version on (read_side.py says how).
        marks = [
            UpdateOne({"_id": commit.id}, {"$set": {"published": True, "settled": commit.version < 3}})
            for commit in commits
        ]
        for start in range(0, len(marks), _MARKS):
            with unavailable_when_away():
                await self._commits.bulk_write(marks[start : start + _MARKS], ordered=False)

    async def unsettled(self, limit: int) -> list[CommitKey]:
        """Up to `limit` published commits whose order must be projected once more."""
        return await self._some({"settled": False}, limit)

    async def mark_settled(self, commit: CommitKey) -> None:
        """Records that the order was projected once more."""
        with unavailable_when_away():
            await self._commits.update_one({"_id": commit.id}, {"$set": {"settled": True}})

    async def _some(self, query: dict[str, bool], limit: int) -> list[CommitKey]:
        with unavailable_when_away():
            documents = await self._commits.find(query, {"orderId": 1, "at": 1}, limit=limit).to_list(None)
        return [CommitKey(document["_id"], UUID(document["orderId"]), document["at"]) for document in documents]

    async def _look_whether_stored(self, commit: Commit, error: PyMongoError) -> None:
        try:
            found = await self._commits.find_one({"_id": commit.id})
        except PyMongoError as again:
            raise OutcomeUnknown from again
        if found is None:
            raise OutcomeUnknown from error  # not there yet: the server may still store it
        if _CLOSED_AT in found:
            raise OrderClosed from error
        if found["token"] != commit.token:
            raise VersionTaken from error

    async def _is_closed(self, order_id: UUID) -> bool:
        with unavailable_when_away():
            found = await self._commits.find_one({"_id": first_commit_id(order_id)})
        return found is not None and _CLOSED_AT in found

    @property
    def _commits(self) -> AsyncIOMotorCollection[Document]:
        # On a replica set: what has been answered survives the loss of any one server, and what a decision was made
        # on cannot be rolled back under it, which would leave a gap in the order's history.
        return self._mongo.collection("commits", by_majority=True)


def _document(commit: Commit) -> Document:
    """The document of a commit. That of a first commit has a slice, by which the comparisons find the order."""
    document = commit_to_document(commit)
    return {**document, "slice": placed_slice(commit.at)} if commit.version == 1 else document
