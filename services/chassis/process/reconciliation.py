"""Reconciliation: what a service keeps is compared with what its neighbours keep, in the background, in small bites.

A `Comparison` (comparison.py) knows one kind of subject (payments, products). A look takes one page of it, and the
subjects that were found to differ before; its cost does not grow with the store. The cursor is in the database, so a
restart goes on where it was, and replicas take turns. To compare a page twice does no harm: repairs are idempotent.

Drift is a metric, a line in the log with both sides, and a row of the service's database. What can be repaired safely
is repaired, at most `MOST_REPAIRS` times; what stays is for a person (`argosy reconcile` lists it).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog
from prometheus_client import Counter, Gauge
from pydantic import Field

from services.chassis.plain import transient
from services.chassis.plain.comparison import Comparison, Drift, mended
from services.chassis.process.environment import Environment
from services.chassis.process.metrics import show_from_the_start
from services.chassis.process.periodic import Periodic

MOST_REPAIRS = 3
"""So often one drift is repaired automatically. One that comes back after that has a cause that no repair reaches."""
_TURN = 0.9
"""A look is due after this share of the interval: replicas that wake at the same time do not skip a turn."""

_found = Counter("argosy_drift_found", "Differences between stores, by what became of them.", ["kind", "outcome"])
_left = Gauge("argosy_drift_left", "Differences between stores that could not be repaired.", ["kind"])
_log = structlog.get_logger()


class ReconciliationSettings(Environment):
    """How often stores are compared, and how much of them at a time."""

    compare_every_seconds: float = Field(default=60, gt=0)
    """The time from one look of a comparison to the next."""
    compare_batch: int = Field(default=100, ge=1, le=100)
    """How many subjects one look compares."""
    compare_settled_seconds: float = Field(default=120, ge=0)
    """What has changed within so many seconds is not compared: events about it are under way."""

    @property
    def compare_settled(self) -> timedelta:
        """COMPARE_SETTLED_SECONDS."""
        return timedelta(seconds=self.compare_settled_seconds)


class Outcome(StrEnum):
    """What became of a drift."""

    MENDED = "mended"
    """It was repaired at the last look, and not seen since."""
    LEFT = "left"
    """It needs a person, or a repair had no effect."""


@dataclass(frozen=True)
class Known:
    """What is recorded of a drift that was found before."""

    outcome: Outcome
    repairs: int
    """How often it was repaired."""


DriftKey = tuple[str, str, str]
"""Comparison, kind and subject."""


@dataclass(frozen=True)
class RecordedDrift:
    """A drift in the record."""

    comparison: str
    drift: Drift
    """Without what a repair does."""
    known: Known
    found_at: datetime
    looked_at: datetime

    @property
    def key(self) -> DriftKey:
        """Its place in the record."""
        return self.comparison, self.drift.kind, self.drift.subject


class DriftBook(Protocol):
    """The service's record of cursors and of drift that is not gone yet. Raises Unavailable while the store is away."""

    async def turn(self, comparison: str, pause: timedelta) -> str | None:
        """The place where a comparison goes on; None: a replica has looked within the pause."""

    async def advance(self, comparison: str, place: str) -> None:
        """Records where the comparison has arrived; empty: a round begins."""

    async def subjects(self, comparison: str, limit: int) -> Sequence[str]:
        """Up to `limit` subjects that differed before: those that were looked at longest ago."""

    async def forget(self, comparison: str, looked_at: Sequence[str], still: Collection[Drift]) -> None:
        """Deletes the drift of these subjects that is not there any more."""

    async def find(self, comparison: str, drift: Drift) -> Known | None:
        """What is recorded of a drift; None: it is new."""

    async def keep(self, comparison: str, drift: Drift, known: Known) -> None:
        """Records a drift that was looked at now."""

    async def page(self, after: DriftKey, limit: int) -> Sequence[RecordedDrift]:
        """Up to `limit` drifts after a place, in the order of their places."""

    async def count_left(self, comparison: str) -> Mapping[str, int]:
        """How many drifts of each kind are left."""


class Reconciliation:
    """The background routine of one service. Any number of replicas may run it."""

    def __init__(self, book: DriftBook, settings: ReconciliationSettings, *comparisons: Comparison) -> None:
        self._book = book
        self._comparisons = comparisons
        self._every_seconds = settings.compare_every_seconds
        self._batch = settings.compare_batch
        kinds = [kind for comparison in comparisons for kind in comparison.kinds]
        show_from_the_start(_left, kinds)
        show_from_the_start(_found, kinds, Outcome)

    async def run(self) -> None:
        """Looks, waits; until cancelled."""
        await Periodic("reconciliation", self.once, self._every_seconds).run()

    async def once(self) -> None:
        """One look of each comparison. A failure is logged; the same page comes again."""
        for comparison in self._comparisons:
            try:
                await self._look(comparison)
            except Exception as error:
                _log_failure(comparison, error)

    async def _look(self, comparison: Comparison) -> None:
        place = await self._book.turn(comparison.name, timedelta(seconds=self._every_seconds * _TURN))
        if place is not None:
            known = await self._book.subjects(comparison.name, self._batch)
            page = await comparison.page(place, self._batch)
            fresh = [subject for subject in page.subjects if subject not in known]
            drifts = [drift for some in (known, fresh) if some for drift in await comparison.compare(some)]
            await self._book.forget(comparison.name, known, drifts)
            for drift in drifts:
                await self._settle(comparison, drift)
            await self._book.advance(comparison.name, page.place)
        counts = await self._book.count_left(comparison.name)
        for kind in comparison.kinds:
            _left.labels(kind).set(counts.get(kind, 0))

    async def _settle(self, comparison: Comparison, drift: Drift) -> None:
        before = await self._book.find(comparison.name, drift)
        repairs = before.repairs if before else 0
        was_mended = repairs < MOST_REPAIRS and await mended(comparison, drift)
        # Seen again after a repair: the repair has not helped, or not yet.
        outcome = Outcome.MENDED if was_mended and before is None else Outcome.LEFT
        await self._book.keep(comparison.name, drift, Known(outcome, repairs + was_mended))
        if before is None or before.outcome is not outcome:
            _found.labels(drift.kind, outcome).inc()
            _log.warning(
                "drift",
                kind=drift.kind,
                subject=drift.subject,
                ours=drift.ours,
                theirs=drift.theirs,
                outcome=str(outcome),
            )


def _log_failure(comparison: Comparison, error: Exception) -> None:
    if transient.is_transient(error):
        _log.warning("comparison_put_off", comparison=comparison.name, error=transient.reason(error))
    else:
        _log.error("comparison_failed", comparison=comparison.name, exc_info=error)
