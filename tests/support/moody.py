"""A handler that fails for some users until it is mended, and what it hears of."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from argosy.event.v1 import user_events_pb2
from services.chassis.bus import events
from services.chassis.bus.events import Event
from services.chassis.bus.producer import Producer
from services.chassis.plain import clock


@dataclass
class Moody:
    """A handler that cannot handle some users' events, until it is mended."""

    cannot: set[str] = field(default_factory=set)
    handled: list[Event] = field(default_factory=list)

    async def __call__(self, event: Event) -> None:
        if event.key in self.cannot:
            raise ValueError("a fault of ours")
        self.handled.append(event)

    async def has_handled(self, *keys: str) -> None:
        """Return when events of all these users were handled."""
        async with asyncio.timeout(60):
            while not set(keys) <= {event.key for event in self.handled}:
                await asyncio.sleep(0.05)


async def publish(producer: Producer, *keys: str) -> None:
    """Publish that these users are deleted."""
    for key in keys:
        message = user_events_pb2.UserDeleted(user_id=key)
        await producer.send(
            events.encode(message, id=uuid.uuid4(), source="/argosy/user", time=clock.now(), subject=key, key=key)
        )
