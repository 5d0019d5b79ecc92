"""Count pending and parked messages; alerts watch both."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Gauge

from services.notification.ports import Work

_STANDING = Gauge("argosy_messages_unsent", "Messages that were not sent (yet), by where they stand.", ["status"])


@dataclass(frozen=True)
class CountMessagesHandler:
    """Counts messages. Every replica reports the same numbers."""

    work: Work

    async def __call__(self) -> None:
        """Sets `argosy_messages_unsent`."""
        async with self.work.read() as unit:
            for status, count in (await unit.messages.counts()).items():
                _STANDING.labels(status).set(count)
