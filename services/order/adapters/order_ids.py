"""The ids of all orders, a page at a time (ports.OrderIds)."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.data.mongo import Mongo, unavailable_when_away


@dataclass(frozen=True)
class MongoOrderIds:
    """On MongoDB a page costs what it holds: both queries use an index."""

    mongo: Mongo

    async def after(self, place: str, limit: int) -> list[str]:
        """See ports.OrderIds."""
        with unavailable_when_away():
            commits = self.mongo.collection("commits").find(
                {"orderId": {"$gt": place}, "version": 1}, {"orderId": 1}, sort=[("orderId", 1)], limit=limit
            )
            shown = self.mongo.collection("orders").find(
                {"_id": {"$gt": place}}, {"_id": 1}, sort=[("_id", 1)], limit=limit
            )
            found = {document["orderId"] async for document in commits}
            found |= {str(document["_id"]) async for document in shown}
        return sorted(found)[:limit]
