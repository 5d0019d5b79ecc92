"""Which payments this process is asking the provider to charge right now.

A provider's webhook often overtakes the response to the request that caused it. Whoever handles the webhook then waits
for that request: it records the outcome anyway, and nothing is left to look up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

WAIT_SECONDS = 2.0
"""How long to wait at most. Without an end, a request that hangs would hold up the webhook with its outcome."""


class Asking:
    """The requests in flight, by payment. Those of other processes are not known: waiting only saves work."""

    def __init__(self) -> None:
        self._in_flight: dict[UUID, set[asyncio.Future[None]]] = {}

    @contextmanager
    def about(self, payment_id: UUID) -> Iterator[None]:
        """Surrounds a request and the recording of its outcome."""
        ended = asyncio.get_running_loop().create_future()
        requests = self._in_flight.setdefault(payment_id, set())
        requests.add(ended)
        try:
            yield
        finally:
            ended.set_result(None)
            requests.discard(ended)
            if not requests:
                del self._in_flight[payment_id]

    async def wait(self, payment_id: UUID) -> None:
        """Returns when no request about the payment is in flight any more, at the latest after WAIT_SECONDS."""
        requests = self._in_flight.get(payment_id)
        if requests:
            await asyncio.wait(set(requests), timeout=WAIT_SECONDS)
