"""The record of the reconciliation in PostgreSQL (reconciliation.DriftBook)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.chassis.data.postgres import Postgres
from services.chassis.plain.comparison import Drift
from services.chassis.process.reconciliation import DriftKey, Known, Outcome, RecordedDrift


@dataclass(frozen=True)
class PostgresDrifts:
    """The tables `reconciliation_cursors` and `drifts`."""

    postgres: Postgres

    async def turn(self, comparison: str, pause: timedelta) -> str | None:
        """See DriftBook.turn. One statement: of two replicas one gets the turn."""
        await self.postgres.execute(
            "INSERT INTO reconciliation_cursors (comparison) VALUES ($1) ON CONFLICT DO NOTHING", comparison
        )
        place: str | None = await self.postgres.fetchval(
            "UPDATE reconciliation_cursors SET looked_at = now()"
            " WHERE comparison = $1 AND looked_at <= now() - $2::interval RETURNING place",
            comparison,
            pause,
        )
        return place

    async def advance(self, comparison: str, place: str) -> None:
        """See DriftBook.advance."""
        await self.postgres.execute(
            "UPDATE reconciliation_cursors SET place = $2 WHERE comparison = $1", comparison, place
        )

    async def subjects(self, comparison: str, limit: int) -> list[str]:
        """See DriftBook.subjects."""
        rows = await self.postgres.fetch(
            "SELECT subject FROM drifts WHERE comparison = $1 GROUP BY subject ORDER BY min(looked_at) LIMIT $2",
            comparison,
            limit,
        )
        return [row["subject"] for row in rows]

    async def forget(self, comparison: str, looked_at: Sequence[str], still: Collection[Drift]) -> None:
        """See DriftBook.forget."""
        await self.postgres.execute(
            "DELETE FROM drifts WHERE comparison = $1 AND subject = ANY($2)"
            " AND (kind, subject) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))",
            comparison,
            list(looked_at),
            [drift.kind for drift in still],
            [drift.subject for drift in still],
        )

    async def find(self, comparison: str, drift: Drift) -> Known | None:
        """See DriftBook.find."""
        row = await self.postgres.fetchrow(
            "SELECT outcome, repairs FROM drifts WHERE comparison = $1 AND kind = $2 AND subject = $3",
            comparison,
            drift.kind,
            drift.subject,
        )
        return Known(Outcome(row["outcome"]), row["repairs"]) if row else None

    async def keep(self, comparison: str, drift: Drift, known: Known) -> None:
        """See DriftBook.keep."""
        await self.postgres.execute(
            "INSERT INTO drifts (comparison, kind, subject, ours, theirs, outcome, repairs)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (comparison, kind, subject) DO UPDATE SET"
            " ours = excluded.ours, theirs = excluded.theirs, outcome = excluded.outcome, repairs = excluded.repairs,"
            " looked_at = now()",
            comparison,
            drift.kind,
            drift.subject,
            drift.ours,
            drift.theirs,
            known.outcome,
            known.repairs,
        )

    async def page(self, after: DriftKey, limit: int) -> list[RecordedDrift]:
        """See DriftBook.page."""
        rows = await self.postgres.fetch(
            "SELECT comparison, kind, subject, ours, theirs, outcome, repairs, found_at, looked_at FROM drifts"
            " WHERE (comparison, kind, subject) > ($1, $2, $3) ORDER BY comparison, kind, subject LIMIT $4",
            *after,
            limit,
        )
        return [
            RecordedDrift(
                row["comparison"],
                Drift(row["kind"], row["subject"], row["ours"], row["theirs"]),
                Known(Outcome(row["outcome"]), row["repairs"]),
                row["found_at"],
                row["looked_at"],
            )
            for row in rows
        ]

    async def count_left(self, comparison: str) -> dict[str, int]:
        """See DriftBook.count_left."""
        rows = await self.postgres.fetch(
            "SELECT kind, count(*) AS count FROM drifts WHERE comparison = $1 AND outcome = 'left' GROUP BY kind",
            comparison,
        )
        return {row["kind"]: row["count"] for row in rows}
