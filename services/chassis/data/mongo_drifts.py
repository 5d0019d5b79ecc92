"""The record of the reconciliation in MongoDB (reconciliation.DriftBook)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain.comparison import Drift
from services.chassis.process.reconciliation import DriftKey, Known, Outcome, RecordedDrift

_KEPT_TURNS = 10
"""A replica that was paused for fewer turns than these cannot take one that another has had."""


@dataclass(frozen=True)
class MongoDrifts:
    """The collections `reconciliation_turns` and `drifts`."""

    mongo: Mongo
    now: Callable[[], datetime]
    """One clock for all replicas, or nearly: a look that is made twice does no harm."""

    async def turn(self, comparison: str, pause: timedelta) -> str | None:
        """See DriftBook.turn. A turn is a document of its own under the next number: of two replicas one inserts it."""
        now = self.now()
        with unavailable_when_away():
            last = await self._last_turn(comparison)
            if last is not None and last["lookedAt"] > now - pause:
                return None
            number, place = (last["number"] + 1, last["place"]) if last else (1, "")
            turn = {"_id": f"{comparison}:{number}", "comparison": comparison, "number": number}
            try:
                await self._turns.insert_one({**turn, "place": place, "lookedAt": now})
            except DuplicateKeyError:
                return None  # another replica has just taken it
            await self._turns.delete_many({"comparison": comparison, "number": {"$lte": number - _KEPT_TURNS}})
        return str(place)

    async def advance(self, comparison: str, place: str) -> None:
        """See DriftBook.advance."""
        with unavailable_when_away():
            last = await self._last_turn(comparison)
            if last is not None:
                await self._turns.update_one({"_id": last["_id"]}, {"$set": {"place": place}})

    async def _last_turn(self, comparison: str) -> Document | None:
        return await self._turns.find_one({"comparison": comparison}, sort=[("number", DESCENDING)])

    async def subjects(self, comparison: str, limit: int) -> list[str]:
        """See DriftBook.subjects."""
        with unavailable_when_away():
            found = self._drifts.find({"comparison": comparison}).sort("lookedAt", 1).limit(limit)
            return list(dict.fromkeys([document["subject"] async for document in found]))

    async def forget(self, comparison: str, looked_at: Sequence[str], still: Collection[Drift]) -> None:
        """See DriftBook.forget."""
        kept = {_id(comparison, drift) for drift in still}
        with unavailable_when_away():
            query = {"comparison": comparison, "subject": {"$in": list(looked_at)}}
            found = [document["_id"] async for document in self._drifts.find(query)]
            for gone in set(found) - kept:
                await self._drifts.delete_one({"_id": gone})

    async def find(self, comparison: str, drift: Drift) -> Known | None:
        """See DriftBook.find."""
        with unavailable_when_away():
            found = await self._drifts.find_one({"_id": _id(comparison, drift)})
        return Known(Outcome(found["outcome"]), found["repairs"]) if found else None

    async def keep(self, comparison: str, drift: Drift, known: Known) -> None:
        """See DriftBook.keep."""
        now = self.now()
        values = {
            "comparison": comparison,
            "kind": drift.kind,
            "subject": drift.subject,
            "ours": drift.ours,
            "theirs": drift.theirs,
            "outcome": str(known.outcome),
            "repairs": known.repairs,
            "lookedAt": now,
        }
        with unavailable_when_away():
            await self._drifts.update_one(
                {"_id": _id(comparison, drift)}, {"$set": values, "$setOnInsert": {"foundAt": now}}, upsert=True
            )

    async def page(self, after: DriftKey, limit: int) -> list[RecordedDrift]:
        """See DriftBook.page. FerretDB reads all drifts for it."""
        query = {"_id": {"$gt": ":".join(after)}}
        with unavailable_when_away():
            documents = await self._drifts.find(query, sort=[("_id", ASCENDING)], limit=limit).to_list(None)
        return [
            RecordedDrift(
                document["comparison"],
                Drift(document["kind"], document["subject"], document["ours"], document["theirs"]),
                Known(Outcome(document["outcome"]), document["repairs"]),
                document["foundAt"],
                document["lookedAt"],
            )
            for document in documents
        ]

    async def count_left(self, comparison: str) -> dict[str, int]:
        """See DriftBook.count_left."""
        query = {"comparison": comparison, "outcome": str(Outcome.LEFT)}
        with unavailable_when_away():
            return Counter([document["kind"] async for document in self._drifts.find(query, {"kind": 1})])

    @property
    def _turns(self) -> AsyncIOMotorCollection[Document]:
        return self.mongo.collection("reconciliation_turns")

    @property
    def _drifts(self) -> AsyncIOMotorCollection[Document]:
        return self.mongo.collection("drifts")


def _id(comparison: str, drift: Drift) -> str:
    return f"{comparison}:{drift.kind}:{drift.subject}"
