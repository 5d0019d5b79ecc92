"""The indexes that the queries need, made before the service is ready. Collections need no creation."""

from __future__ import annotations

from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.read_side import MongoReadSide


class Schema:
    """A Resource: it is started once the indexes exist. Replicas may start at the same time."""

    name = "schema"

    def __init__(self, *parts: MongoCommits | MongoReadSide | Leases) -> None:
        self._parts = parts

    async def start(self) -> None:
        """Makes missing indexes. Raises while MongoDB is away."""
        for part in self._parts:
            await part.ensure_indexes()

    async def stop(self) -> None:
        """Does nothing: it holds nothing."""

    async def check(self) -> None:
        """Does nothing: Mongo has its own check."""
