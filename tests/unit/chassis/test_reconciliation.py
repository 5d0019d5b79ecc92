"""The background routine of the reconciliation, with a store in memory and a comparison of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.chassis.plain.comparison import Drift, Page, examine, examine_all
from services.chassis.plain.errors import InvalidArgument, Unavailable
from services.chassis.process.reconciliation import (
    MOST_REPAIRS,
    DriftKey,
    Known,
    Outcome,
    Reconciliation,
    ReconciliationSettings,
    RecordedDrift,
)
from services.chassis.rpc.drifts import ListDrifts

KIND = "test_number_differs"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Book:
    """DriftBook in memory."""

    def __init__(self) -> None:
        self.place = ""
        self.is_our_turn = True
        self.drifts: dict[tuple[str, str], Known] = {}

    async def turn(self, comparison: str, pause: timedelta) -> str | None:
        return self.place if self.is_our_turn else None

    async def advance(self, comparison: str, place: str) -> None:
        self.place = place

    async def subjects(self, comparison: str, limit: int) -> Sequence[str]:
        return [subject for _, subject in self.drifts][:limit]

    async def forget(self, comparison: str, looked_at: Sequence[str], still: Collection[Drift]) -> None:
        kept = {(drift.kind, drift.subject) for drift in still}
        self.drifts = {key: one for key, one in self.drifts.items() if key[1] not in looked_at or key in kept}

    async def find(self, comparison: str, drift: Drift) -> Known | None:
        return self.drifts.get((drift.kind, drift.subject))

    async def keep(self, comparison: str, drift: Drift, known: Known) -> None:
        self.drifts[drift.kind, drift.subject] = known

    async def page(self, after: DriftKey, limit: int) -> Sequence[RecordedDrift]:
        found = [
            RecordedDrift("numbers", Drift(kind, subject, "1", "2"), known, NOW, NOW)
            for (kind, subject), known in sorted(self.drifts.items())
        ]
        return [one for one in found if one.key > after][:limit]

    async def count_left(self, comparison: str) -> Mapping[str, int]:
        return Counter(kind for (kind, _), one in self.drifts.items() if one.outcome is Outcome.LEFT)


class Numbers:
    """A comparison of two lists of numbers."""

    name = "numbers"
    kinds: Sequence[str] = (KIND,)

    def __init__(self, ours: dict[str, int], theirs: dict[str, int]) -> None:
        self.ours, self.theirs = ours, theirs
        self.is_repairable = True
        self.repair_helps = True
        self.fails_with: Exception | None = None
        self.repair_fails_with: Exception | None = None
        self.repaired: list[str] = []

    async def page(self, place: str, limit: int) -> Page:
        if self.fails_with:
            raise self.fails_with
        found = [one for one in sorted(self.ours) if one > place][:limit]
        return Page(found, found[-1] if len(found) == limit else "")

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        differing = [one for one in subjects if self.ours.get(one) != self.theirs.get(one)]
        repair = "it is copied" if self.is_repairable else None
        return [Drift(KIND, one, str(self.ours[one]), str(self.theirs[one]), repair) for one in differing]

    async def mend(self, drift: Drift) -> None:
        if self.repair_fails_with:
            raise self.repair_fails_with
        self.repaired.append(drift.subject)
        if self.repair_helps:
            self.ours[drift.subject] = self.theirs[drift.subject]

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        return []


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def numbers() -> Numbers:
    return Numbers({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3})


def routine(book: Book, numbers: Numbers, batch: int = 2) -> Reconciliation:
    return Reconciliation(book, ReconciliationSettings(compare_batch=batch), numbers)


def left() -> float | None:
    return REGISTRY.get_sample_value("argosy_drift_left", {"kind": KIND})


def found(outcome: Outcome) -> float:
    return REGISTRY.get_sample_value("argosy_drift_found_total", {"kind": KIND, "outcome": outcome}) or 0.0


async def test_a_round_goes_on_page_by_page_and_begins_again(book: Book, numbers: Numbers) -> None:
    reconciliation = routine(book, numbers)
    places = []
    for _ in range(3):
        await reconciliation.once()
        places.append(book.place)
    assert places == ["b", "", "b"]
    assert left() == 0


async def test_drift_is_repaired_counted_logged_and_forgotten(book: Book, numbers: Numbers) -> None:
    numbers.ours["a"] = 7
    before = found(Outcome.MENDED)
    with capture_logs() as logs:
        await routine(book, numbers).once()
    assert numbers.ours["a"] == 1
    (line,) = [one for one in logs if one["event"] == "drift"]
    assert {name: line[name] for name in ("kind", "subject", "ours", "theirs", "outcome")} == {
        "kind": KIND,
        "subject": "a",
        "ours": "7",
        "theirs": "1",
        "outcome": "mended",
    }
    assert (found(Outcome.MENDED) - before, left()) == (1, 0)
    assert book.drifts == {(KIND, "a"): Known(Outcome.MENDED, 1)}
    await routine(book, numbers).once()
    assert book.drifts == {}


async def test_drift_without_a_repair_is_left_until_it_is_gone(book: Book, numbers: Numbers) -> None:
    numbers.ours["a"], numbers.is_repairable = 7, False
    before = found(Outcome.LEFT)
    reconciliation = routine(book, numbers, batch=1)
    for _ in range(3):  # looked at again in each round, counted once
        await reconciliation.once()
        assert (found(Outcome.LEFT) - before, left()) == (1, 1)
    numbers.ours["a"] = 1
    await reconciliation.once()
    assert left() == 0
    assert numbers.repaired == []


async def test_a_repair_without_effect_is_not_made_for_ever(book: Book, numbers: Numbers) -> None:
    numbers.ours["a"], numbers.repair_helps = 7, False
    reconciliation = routine(book, numbers)
    for _ in range(MOST_REPAIRS + 2):
        await reconciliation.once()
    assert numbers.repaired == ["a"] * MOST_REPAIRS
    assert book.drifts == {(KIND, "a"): Known(Outcome.LEFT, MOST_REPAIRS)}
    assert left() == 1


@pytest.mark.parametrize(("error", "level"), [(Unavailable(), "warning"), (RuntimeError(), "error")])
async def test_a_repair_that_fails_is_logged_and_made_again(
    book: Book, numbers: Numbers, error: Exception, level: str
) -> None:
    numbers.ours["a"], numbers.repair_fails_with = 7, error
    with capture_logs() as logs:
        await routine(book, numbers).once()
    assert [one["log_level"] for one in logs if one["event"] == "drift_not_repaired"] == [level]
    assert book.drifts == {(KIND, "a"): Known(Outcome.LEFT, 0)}
    numbers.repair_fails_with = None
    await routine(book, numbers).once()
    await routine(book, numbers).once()
    assert (numbers.ours["a"], book.drifts) == (1, {})


@pytest.mark.parametrize(
    ("error", "event"), [(Unavailable(), "comparison_put_off"), (RuntimeError(), "comparison_failed")]
)
async def test_a_comparison_that_fails_stops_no_other(
    book: Book, numbers: Numbers, error: Exception, event: str
) -> None:
    book.place, numbers.fails_with = "b", error
    other = Numbers({"x": 1}, {"x": 2})
    with capture_logs() as logs:
        await Reconciliation(book, ReconciliationSettings(compare_batch=2), numbers, other).once()
    assert [one["event"] for one in logs] == [event, "drift"]
    assert other.repaired == ["x"]


async def test_a_replica_without_the_turn_shows_what_is_left(book: Book, numbers: Numbers) -> None:
    numbers.ours["a"] = 7
    book.is_our_turn, book.drifts[KIND, "b"] = False, Known(Outcome.LEFT, 0)
    await routine(book, numbers).once()
    assert (numbers.repaired, left()) == ([], 1)


async def test_what_was_found_is_listed_page_by_page(book: Book) -> None:
    for subject in ("c", "a", "b"):
        book.drifts[KIND, subject] = Known(Outcome.LEFT, 2)
    list_drifts = ListDrifts(book)
    first = await list_drifts(2, "")
    rest = await list_drifts(2, first.next_page_token)
    assert [drift.subject for drift in (*first.drifts, *rest.drifts)] == ["a", "b", "c"]
    assert rest.next_page_token == ""
    (last,) = rest.drifts
    assert (last.comparison, last.kind, last.ours, last.theirs) == ("numbers", KIND, "1", "2")
    assert (last.outcome, last.repairs, last.found_at.ToDatetime(UTC)) == ("left", 2, NOW)
    with pytest.raises(InvalidArgument):
        await list_drifts(0, "nonsense")


async def test_everything_at_once(numbers: Numbers) -> None:
    numbers.ours |= {"a": 7, "c": 7}
    dry = [one async for one in examine_all(numbers, limit=1, mend=False)]
    assert [(one.drift.subject, one.mended) for one in dry] == [("a", False), ("c", False)]
    wet = [one async for one in examine_all(numbers, limit=2, mend=True)]
    assert [(one.drift.subject, one.mended) for one in wet] == [("a", True), ("c", True)]
    assert await examine(numbers, [], mend=True) == []
