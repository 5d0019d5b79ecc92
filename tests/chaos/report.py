"""The report of a run: Markdown, with pictures beside it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from local.paths import ROOT
from tests.chaos import plan, plots
from tests.chaos.crashes import Crashes
from tests.chaos.run import Outcome

PUBLISHED = ROOT / "docs" / "chaos"
KILL_GOAL_SECONDS = 30.0
"""How soon all should be whole again after a kill."""


def write(outcome: Outcome, directory: Path) -> Path:
    """Write `report.md` and its pictures into the directory, which is made anew; answers the report's path."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "timeline.svg").write_text(plots.timeline(outcome.happened, outcome.exchanges, outcome.seconds))
    (directory / "orders.svg").write_text(plots.orders(outcome.orders))
    if outcome.converged:
        (directory / "convergence.svg").write_text(plots.convergence(outcome.converged, KILL_GOAL_SECONDS))
    report = directory / "report.md"
    report.write_text("\n".join(_lines(outcome)) + "\n")
    return report


def publish(directory: Path, into: Path = PUBLISHED) -> Path:
    """Copy a report to where it is checked in; answers the report's new path."""
    target = into / directory.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(directory, target)
    return target / "report.md"


def _lines(outcome: Outcome) -> Iterator[str]:
    verdict = "everything held" if not outcome.problems else f"{len(outcome.problems)} problems"
    yield f"# Chaos, seed {outcome.seed}: {verdict}"
    yield ""
    yield from _summary(outcome)
    yield from _problems(outcome)
    yield from _section("What happened when", "![Faults by target, above the requests of each second](timeline.svg)")
    yield "A diamond is over at once; a bar lasts. Unanswered requests were repeated under their idempotency key."
    yield from _section("What was bought", "![Orders by outcome](orders.svg)")
    yield from _recovery(outcome)
    yield from _section("What was injected")
    yield from _table("fault", "times", Counter(str(fault.kind) for _, fault in outcome.happened))
    yield from _section("What people did")
    yield from _table("what", "times", outcome.done)
    yield from _section("Answers by HTTP status")
    yield from _table("status", "times", Counter(str(one.status or "none") for one in outcome.exchanges))
    yield from _arrivals(outcome)
    yield from _alerts(outcome)
    yield from _drifts(outcome)
    yield from _crash_points(outcome.crashes)
    yield from _section("Every fault")
    yield "| at | fault |"
    yield "| ---: | --- |"
    yield from (f"| {at:.1f} s | {fault} |" for at, fault in outcome.happened)


def _summary(outcome: Outcome) -> Iterator[str]:
    bought = sum(count for status, count in outcome.orders.items() if status != "cancelled")
    calls = len(outcome.exchanges)
    failed = sum(1 for one in outcome.exchanges if one.unanswered)
    load = f" LOAD={outcome.load.name}" if outcome.load else ""
    yield f"`make chaos SEED={outcome.seed} MINUTES={outcome.seconds / 60:g}{load}`: two instances of every service,"
    yield f"for {outcome.seconds:.0f} s of faults. [plan.json](plan.json) replays it: `PLAN=plan.json`."
    yield ""
    rows: dict[str, str] = {
        "faults": str(len(outcome.happened)),
        "requests": f"{calls}, of which {failed} had no answer or a 503",
        "orders": f"{sum(outcome.orders.values())}, of which {bought} were paid and kept",
        "from the last fault until all agreed": f"{outcome.settled_after:.0f} s (unpaid orders wait 25 s of it)",
    }
    kills = [seconds for fault, seconds in outcome.converged if fault.kind == "kill"]
    if kills:
        rows["longest time to converge after a kill"] = f"{max(kills):.1f} s (goal: {KILL_GOAL_SECONDS:.0f} s)"
    if outcome.cut_off:
        rows["cut off by the end of the run"] = ", ".join(map(str, outcome.cut_off))
    yield "| | |"
    yield "| --- | --- |"
    yield from (f"| {name} | {value} |" for name, value in rows.items())


def _problems(outcome: Outcome) -> Iterator[str]:
    if outcome.problems:
        yield from _section("What did not hold")
        yield from (f"- {problem}" for problem in outcome.problems)


def _recovery(outcome: Outcome) -> Iterator[str]:
    if not outcome.converged:
        return
    yield from _section("How soon all was whole again", "![Time to converge by kind of fault](convergence.svg)")
    yield "A dot is a fault during whose recovery no other one happened."
    late = [(fault, seconds) for fault, seconds in outcome.unfinished if seconds > plan.LULL_SECONDS]
    if late:
        yield ""
        yield "Not whole yet when the next fault began, or when nobody waited any longer:"
        yield ""
        yield from (f"- {fault}: not after {seconds:.0f} s" for fault, seconds in late)


def _arrivals(outcome: Outcome) -> Iterator[str]:
    if outcome.load:
        yield from _section("Answers to what arrived beside, by HTTP status")
        yield f"The profile `{outcome.load.name}` of `make load`: {outcome.load.arrivals} people came."
        yield ""
        yield from _table("status", "times", outcome.arrivals.answers)


def _alerts(outcome: Outcome) -> Iterator[str]:
    yield from _section("Alerts that fired")
    if not outcome.alerts:
        yield "None."
        return
    yield "promtool evaluates the rules of `monitoring/rules` over the metrics of the run. Each alert had its cause."
    yield ""
    yield "| alert | first after |"
    yield "| --- | ---: |"
    yield from (f"| {alert} | {seconds[0]} s |" for alert, seconds in sorted(outcome.alerts.items()))


def _drifts(outcome: Outcome) -> Iterator[str]:
    yield from _section("What the reconciliation found")
    if not outcome.drifts:
        yield "Nothing."
        return
    yield "It compares what has not changed for 10 s. What an outage holds up for longer counts as drift:"
    yield "it is repaired, and its event changes nothing when it comes."
    yield ""
    yield from _table("drift, what became of it", "times", outcome.drifts)


def _crash_points(crashes: Crashes | None) -> Iterator[str]:
    """The part about crash points writes itself, where points are known."""
    if crashes is not None:
        yield from _section("Crash points")
        yield from crashes.report()


def _section(title: str, first: str = "") -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    if first:
        yield first
        yield ""


def _table(what: str, count: str, rows: Mapping[str, int]) -> Iterator[str]:
    yield f"| {what} | {count} |"
    yield "| --- | ---: |"
    yield from (f"| {name} | {number} |" for name, number in _most_first(rows.items()))


def _most_first(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(rows, key=lambda row: (-row[1], row[0]))
