"""The rpc that lists what a service's reconciliation found. Each service that compares serves it under its own name."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.reconciliation.v1 import drift_pb2
from services.chassis.data import paging
from services.chassis.process.reconciliation import DriftBook, RecordedDrift
from services.chassis.rpc import timestamps

_FIRST = ("", "", "")


@dataclass(frozen=True)
class ListDrifts:
    """Reads a page of the record. Raises InvalidArgument for a bad page token, Unavailable while the store is away."""

    book: DriftBook

    async def __call__(self, page_size: int, page_token: str) -> drift_pb2.ListDriftsResponse:
        """The page: drift that was there at the last look, by comparison, kind and subject."""
        size = paging.page_size(page_size)
        comparison, kind, subject = paging.decode_page_token(page_token, parts=3) or _FIRST
        found = await self.book.page((comparison, kind, subject), size + 1)
        page = found[:size]
        token = paging.encode_page_token(*page[-1].key) if len(found) > size else ""
        return drift_pb2.ListDriftsResponse(drifts=map(_message, page), next_page_token=token)


def _message(recorded: RecordedDrift) -> drift_pb2.Drift:
    drift = recorded.drift
    return drift_pb2.Drift(
        comparison=recorded.comparison,
        kind=drift.kind,
        subject=drift.subject,
        ours=drift.ours,
        theirs=drift.theirs,
        outcome=recorded.known.outcome,
        repairs=recorded.known.repairs,
        found_at=timestamps.to_message(recorded.found_at),
        looked_at=timestamps.to_message(recorded.looked_at),
    )
