"""Limits concurrent calls: refuses a call over its bulkhead's limit before anything is done for it.

Without a limit, all calls wait, and each takes as long as the queue is. A refused caller knows at once.
"""

from __future__ import annotations

from services.chassis.plain.errors import Overloaded
from services.chassis.rpc.contract import Bulkhead
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView


class Bulkheads:
    """The calls in flight of one process, by bulkhead."""

    def __init__(self) -> None:
        self._by_name: dict[str, BoundedCalls] = {}

    def of(self, bulkhead: Bulkhead) -> BoundedCalls:
        """The calls of a bulkhead, which its rpcs share."""
        return self._by_name.setdefault(bulkhead.name, BoundedCalls(bulkhead.max_in_flight))


class BoundedCalls:
    """Counts the calls in flight of one bulkhead, up to its limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def enter(self) -> None:
        """Count a call. Raises Overloaded if there are as many as allowed."""
        if self._count >= self._most:
            raise Overloaded()
        self._count += 1

    def leave(self) -> None:
        """Count a call that has ended."""
        self._count -= 1


def limit(method: MethodPolicyView, bulkheads: Bulkheads, proceed: Step) -> Step:
    """Refuse calls over the limit. Streams have limits of their own (streams.py)."""
    if method.streams:
        return proceed
    in_flight = bulkheads.of(method.bulkhead)

    async def limited(exchange: Exchange) -> bytes:
        in_flight.enter()
        try:
            return await proceed(exchange)
        finally:
            in_flight.leave()

    return limited
