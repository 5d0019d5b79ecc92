"""The rpcs that list a service's dead letters and redrive one. Each consuming service serves them as its own."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.deadletter.v1 import dead_letter_pb2
from services.chassis.bus.letters import Letter, LetterBox
from services.chassis.data import paging
from services.chassis.rpc import timestamps

_FIRST = ("", "")


@dataclass(frozen=True)
class DeadLetters:
    """The dead letters of the service's consumer group."""

    box: LetterBox

    async def list(self, page_size: int, page_token: str) -> dead_letter_pb2.ListDeadLettersResponse:
        """A page of those that were not redriven. Raises InvalidArgument for a bad page token, Unavailable."""
        size = paging.page_size(page_size)
        after = paging.decode_page_token(page_token, parts=2) or _FIRST
        found = [letter for letter in await self.box.open() if _key(letter) > after]
        page = found[:size]
        token = paging.encode_page_token(*_key(page[-1])) if len(found) > size else ""
        return dead_letter_pb2.ListDeadLettersResponse(letters=map(_message, page), next_page_token=token)

    async def redrive(self, letter_id: str, operator: str) -> dead_letter_pb2.RedriveDeadLetterResponse:
        """Handle the event of a letter again. Raises NotFound, DeadLetterNotHandled, Unavailable."""
        await self.box.redrive(letter_id, operator)
        return dead_letter_pb2.RedriveDeadLetterResponse()


def _key(letter: Letter) -> tuple[str, str]:
    return f"{letter.record.timestamp:020}", letter.place


def _message(letter: Letter) -> dead_letter_pb2.DeadLetter:
    return dead_letter_pb2.DeadLetter(
        id=letter.id,
        type=letter.type or "",
        subject=letter.header("ce_subject"),
        event_id=letter.event_id,
        reason=letter.header("dlq_reason"),
        error=letter.header("dlq_error"),
        attempts=letter.attempts or 0,
        dead_since=timestamps.to_message(letter.dead_since),
        redrivable=letter.is_redrivable,
    )
