"""Schedule parked messages again, on behalf of an operator or staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.notification.ports import Work

_log = structlog.get_logger()


class NotParked(Exception):
    """No parked message has this id: it was never parked, or is scheduled already."""

    def __init__(self) -> None:
        super().__init__("there is no parked message with this id; it may be scheduled already")


@dataclass(frozen=True)
class RetryParked:
    """The messages; None: all parked ones."""

    ids: Sequence[UUID] | None
    operator: str
    """The operator, or the id of staff, for the audit log."""


@dataclass(frozen=True)
class RetryParkedHandler:
    """Makes parked messages due again."""

    work: Work

    async def __call__(self, command: RetryParked) -> Sequence[UUID]:
        """Returns the messages that are scheduled. Messages that are not parked stay as they are."""
        async with self.work.begin("notification.retry") as unit:
            found = await unit.messages.retry_parked(command.ids)
        for message_id in found:
            _log.info("mail_retried", audit=True, message_id=str(message_id), operator=command.operator)
        return found
