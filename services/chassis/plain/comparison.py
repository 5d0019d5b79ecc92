"""The vocabulary of reconciliation: subjects, drift between two stores, comparisons.

Use cases implement `Comparison`; reconciliation.py runs it in the background, `argosy reconcile` runs it on demand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from services.chassis.plain import transient

_log = structlog.get_logger()


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
    """Subjects to compare next, in one round at least once each.

    `place` is where the page after it begins; empty: the round is over.
    """

    subjects: Sequence[str]
    place: str

    @classmethod
    def of(cls, subjects: Sequence[str], limit: int) -> Page:
        """Up to `limit` subjects in order, each of which is the place behind it. Fewer are the last ones."""
        return cls(subjects, subjects[-1] if len(subjects) == limit else "")


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
        """Repairs a drift that has a repair; again and at the same time as others without harm."""

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The subjects that belong to an order."""


async def examine(comparison: Comparison, subjects: Sequence[str], *, mend: bool) -> list[Finding]:
    """Compares these subjects and, with `mend`, repairs what can be repaired."""
    drifts = await comparison.compare(subjects) if subjects else []
    return [Finding(drift, mended=mend and await mended(comparison, drift)) for drift in drifts]


async def examine_all(comparison: Comparison, *, limit: int, mend: bool) -> AsyncIterator[Finding]:
    """Compares every subject, page by page. Independent of the background routine and its cursor.

    A drift is yielded once, also where pages contain its subject several times.
    """
    place = ""
    found: set[Drift] = set()
    while True:
        page = await comparison.page(place, limit)
        for finding in await examine(comparison, page.subjects, mend=mend):
            if finding.drift not in found:
                found.add(finding.drift)
                yield finding
        if not page.place:
            return
        place = page.place


async def mended(comparison: Comparison, drift: Drift) -> bool:
    """Repairs a drift; whether that was done. One repair that fails does not prevent the others."""
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
