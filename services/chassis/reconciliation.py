"""Reconciliation: what a service keeps is compared with what its neighbours keep, in the background, in small bites.

A `Comparison` knows one kind of subject (payments, products) and compares a page of them. A look takes one page, and
the subjects that were found to differ before; its cost does not grow with the store. The cursor is in the database, so
a restart goes on where it was, and replicas take turns. To compare a page twice does no harm: repairs are idempotent.

Drift is a metric, a line in the log with both sides, and a row of `drifts`. What can be repaired safely is repaired, at
most `MOST_REPAIRS` times; what stays is for a person (`argosy reconcile` lists it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from pydantic import Field

from services.chassis import transient
from services.chassis.environment import Environment
from services.chassis.postgres import Connection, Postgres

MOST_REPAIRS = 3
"""So often one drift is repaired by itself. One that comes back after that has a cause that a repair does not reach."""
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


@dataclass(frozen=True)
class Drift:
    """One difference between two stores."""

    kind: str
    subject: str
    """The id of what differs."""
    ours: str
    """What this service has. No personal data: it is logged."""
    theirs: str
    """What the other side has."""
    repair: str | None = None
    """What a repair does, for people; None: this needs a person."""


@dataclass(frozen=True)
class Page:
    """Subjects to compare next. `place` is where the page after it begins; empty: the round is over."""

    subjects: Sequence[str]
    place: str


@dataclass(frozen=True)
class Finding:
    """A drift, and what became of it."""

    drift: Drift
    mended: bool


class Comparison(Protocol):
    """Compares one kind of subject with what others keep of it."""

    @property
    def name(self) -> str:
        """Names its cursor."""

    @property
    def kinds(self) -> Sequence[str]:
        """Every kind of drift that it can find."""

    async def page(self, place: str, limit: int) -> Page:
        """The next subjects after `place`."""

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """The drift of these subjects, at most 100. Those that have just changed, or do not exist, have none."""

    async def mend(self, drift: Drift) -> None:
        """Repair a drift that has a repair; again and at the same time as others without harm."""

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The subjects that belong to an order."""


async def examine(comparison: Comparison, subjects: Sequence[str], *, mend: bool) -> list[Finding]:
    """Compare these subjects and, with `mend`, repair what can be."""
    drifts = await comparison.compare(subjects) if subjects else []
    return [Finding(drift, mended=mend and await _mend(comparison, drift)) for drift in drifts]


async def examine_all(comparison: Comparison, *, limit: int, mend: bool) -> AsyncIterator[Finding]:
    """Compare every subject, page by page. Independent of the background routine and its cursor."""
    place = ""
    while True:
        page = await comparison.page(place, limit)
        for finding in await examine(comparison, page.subjects, mend=mend):
            yield finding
        if not page.place:
            return
        place = page.place


class Reconciliation:
    """The background routine of one service. Any number of replicas may run it."""

    def __init__(self, postgres: Postgres, settings: ReconciliationSettings, *comparisons: Comparison) -> None:
        self._postgres = postgres
        self._comparisons = comparisons
        self._every_seconds = settings.compare_every_seconds
        self._batch = settings.compare_batch
        for kind in (kind for comparison in comparisons for kind in comparison.kinds):
            _left.labels(kind).set(0)
            for outcome in ("mended", "left"):
                _found.labels(kind, outcome)  # shown from the start, as 0

    async def run(self) -> None:
        """Look, wait; until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            for comparison in self._comparisons:
                await self.look(comparison)

    async def look(self, comparison: Comparison) -> None:
        """Compare one page, if it is this process's turn. A failure is logged; the same page comes again."""
        try:
            await self._look(comparison)
        except Exception as error:
            if transient.is_transient(error):
                _log.warning("comparison_put_off", comparison=comparison.name, error=transient.reason(error))
            else:
                _log.error("comparison_failed", comparison=comparison.name, exc_info=error)

    async def _look(self, comparison: Comparison) -> None:
        place = await self._turn(comparison)
        if place is not None:
            before = await self._open(comparison)
            page = await comparison.page(place, self._batch)
            fresh = [subject for subject in page.subjects if subject not in before]
            known = list(before)
            drifts = [drift for some in (known, fresh) if some for drift in await comparison.compare(some)]
            await self._forget(comparison, known, drifts)
            for drift in drifts:
                await self._settle(comparison, drift)
            async with self._postgres.connection() as connection:
                await connection.execute(
                    "UPDATE reconciliation_cursors SET place = $2 WHERE comparison = $1", comparison.name, page.place
                )
        await self._show(comparison)

    async def _turn(self, comparison: Comparison) -> str | None:
        """Where to go on; None: another replica has looked within the interval."""
        async with self._postgres.connection() as connection:
            await connection.execute(
                "INSERT INTO reconciliation_cursors (comparison) VALUES ($1) ON CONFLICT DO NOTHING", comparison.name
            )
            place: str | None = await connection.fetchval(
                "UPDATE reconciliation_cursors SET looked_at = now()"
                " WHERE comparison = $1 AND looked_at <= now() - $2::interval RETURNING place",
                comparison.name,
                timedelta(seconds=self._every_seconds * _TURN),
            )
            return place

    async def _open(self, comparison: Comparison) -> Sequence[str]:
        """Subjects that differed before: those that were looked at longest ago, one page."""
        rows = await self._postgres.fetch(
            "SELECT subject FROM drifts WHERE comparison = $1 GROUP BY subject ORDER BY min(looked_at) LIMIT $2",
            comparison.name,
            self._batch,
        )
        return [row["subject"] for row in rows]

    async def _forget(self, comparison: Comparison, looked_at: Sequence[str], drifts: Sequence[Drift]) -> None:
        """Drop what was seen before and is not there any more."""
        still = [f"{drift.kind} {drift.subject}" for drift in drifts]
        async with self._postgres.connection() as connection:
            await connection.execute(
                "DELETE FROM drifts WHERE comparison = $1 AND subject = ANY($2) AND kind || ' ' || subject <> ALL($3)",
                comparison.name,
                list(looked_at),
                still,
            )

    async def _settle(self, comparison: Comparison, drift: Drift) -> None:
        async with self._postgres.connection() as connection:
            before = await connection.fetchrow(
                "SELECT outcome, repairs FROM drifts WHERE comparison = $1 AND kind = $2 AND subject = $3",
                comparison.name,
                drift.kind,
                drift.subject,
            )
        repairs = before["repairs"] if before else 0
        mended = repairs < MOST_REPAIRS and await _mend(comparison, drift)
        # Seen again after a repair: the repair has not helped, or not yet.
        outcome = "mended" if mended and before is None else "left"
        async with self._postgres.connection() as connection:
            await _keep(connection, comparison.name, drift, outcome, repairs + mended)
        if before is None or before["outcome"] != outcome:
            _found.labels(drift.kind, outcome).inc()
            _log.warning(
                "drift", kind=drift.kind, subject=drift.subject, ours=drift.ours, theirs=drift.theirs, outcome=outcome
            )

    async def _show(self, comparison: Comparison) -> None:
        rows = await self._postgres.fetch(
            "SELECT kind, count(*) AS count FROM drifts WHERE comparison = $1 AND outcome = 'left' GROUP BY kind",
            comparison.name,
        )
        counts = {row["kind"]: row["count"] for row in rows}
        for kind in comparison.kinds:
            _left.labels(kind).set(counts.get(kind, 0))


async def _keep(connection: Connection, name: str, drift: Drift, outcome: str, repairs: int) -> None:
    await connection.execute(
        "INSERT INTO drifts (comparison, kind, subject, ours, theirs, outcome, repairs)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (comparison, kind, subject) DO UPDATE SET"
        " ours = excluded.ours, theirs = excluded.theirs, outcome = excluded.outcome, repairs = excluded.repairs,"
        " looked_at = now()",
        name,
        drift.kind,
        drift.subject,
        drift.ours,
        drift.theirs,
        outcome,
        repairs,
    )


async def _mend(comparison: Comparison, drift: Drift) -> bool:
    """Whether a repair was made. One that fails keeps none of the others from being made."""
    if drift.repair is None:
        return False
    try:
        await comparison.mend(drift)
    except Exception as error:
        if transient.is_transient(error):
            _log.warning("drift_not_repaired", kind=drift.kind, subject=drift.subject, error=transient.reason(error))
        else:
            _log.error("drift_not_repaired", kind=drift.kind, subject=drift.subject, exc_info=error)
        return False
    return True
