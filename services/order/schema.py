"""The indexes that the queries need, made before the service says that it is ready. Collections make themselves."""

from __future__ import annotations

from services.order.leases import Leases
from services.order.read_side import ReadSide
from services.order.store import CommitStore


class Schema:
    """A Resource: started once the indexes are there. Replicas that start at once do not mind each other."""

    name = "schema"

    def __init__(self, *parts: CommitStore | ReadSide | Leases) -> None:
        self._parts = parts

    async def start(self) -> None:
        """Make what is missing. Raises while MongoDB is away."""
        for part in self._parts:
            await part.ensure_indexes()

    async def stop(self) -> None:
        """Nothing is held."""

    async def check(self) -> None:
        """Mongo's own check says how it is."""
