"""What `make mutants` calls: every mutation, or those that are named, and for each the product as it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.chaos import plan as plans
from tests.chaos.checker import Limits
from tests.chaos.plan import Fault, Kind
from tests.chaos.run import chaos_stack
from tests.chaos.shrink import shrink
from tests.mutants import report
from tests.mutants.campaign import CONTROL, QUICK, Verdict, laboratory
from tests.mutants.catalogue import MUTATIONS, Mutation, named
from tests.mutants.scratch import NotApplicable


def main() -> int:
    """Run them, print the table, renew the document once all have results.

    1: not all is as it must be; 2: nothing was run, since there is no such mutation, or one does not fit the source.
    """
    arguments = _parser().parse_args()
    try:
        chosen = [named(name) for name in arguments.mutations] or list(MUTATIONS)
        for mutation in chosen:
            mutation.change.place()
    except (ValueError, NotApplicable) as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.shrink:
        return asyncio.run(_shrink(chosen[0], arguments.seed, arguments.seconds, arguments.shrink))
    asyncio.run(_run(chosen))
    rows = report.rows(chosen)
    print("\n".join(report.table(rows)))
    known = report.rows()
    if len(known) == len(MUTATIONS):
        print(f"written: {report.write(known)}")
    return 0 if all(row.good for row in rows) else 1


async def _run(chosen: Sequence[Mutation]) -> None:
    """Each mutation, and the product as it is in the same run, each on a system of its own."""
    known: dict[tuple[object, ...], Verdict] = {}
    for number, mutation in enumerate(chosen, 1):
        _print(f"{number}/{len(chosen)} {mutation.name}: {mutation.meaning}")
        report.keep(mutation, "mutant", await _judged(mutation, mutation, QUICK))
        run = (tuple(mutation.plan), mutation.seed, mutation.seconds)
        if run not in known:
            _print(f"{number}/{len(chosen)} the product as it is, in the run of {mutation.name}")
            known[run] = await _judged(mutation, None, CONTROL)
        report.keep(mutation, "control", known[run])


async def _judged(run: Mutation, change: Mutation | None, limits: Limits) -> Verdict:
    """What the checker finds in the run of one mutation, in a fresh system that has a mutation or none."""
    async with laboratory(chaos_stack("mutants"), change) as found:
        verdict = await found.judge(run.plan, run.seed, run.seconds, limits)
    _print_problems(verdict)
    return verdict


async def _shrink(mutation: Mutation, seed: int, seconds: float, most_runs: int) -> int:
    """Look for the shortest part of a seed's plan by which the mutation is still caught. 1: it is not by the whole."""
    plan = plans.generate(seed, seconds, _SHRUNK_KINDS)
    async with laboratory(chaos_stack("mutants"), mutation) as found:

        async def fails(shorter: Sequence[Fault]) -> bool:
            verdict = await found.judge(shorter, seed, seconds, QUICK)
            caught = verdict.caught(mutation)
            print(f"{len(shorter)} faults: {report.general(caught) if caught else 'not caught'}", flush=True)
            return caught is not None

        print(f"{mutation.name}, seed {seed}, {seconds:.0f} s:", *_lines(plan), sep="\n")
        if not await fails(plan):
            return 1
        shortest = await shrink(plan, fails, most_runs)
    print("The shortest plan that still fails:", *_lines(shortest), sep="\n")
    return 0


def _lines(plan: Sequence[Fault]) -> list[str]:
    return [f"  {fault.at:.1f} s  {fault}" for fault in plan]


def _print_problems(verdict: Verdict) -> None:
    for problem in verdict.problems[:_MOST_SHOWN]:
        _print(f"  {problem}")
    _print(f"  {len(verdict.problems)} problems after {verdict.seconds:.0f} s")


_MOST_SHOWN = 12
_SHRUNK_KINDS = (Kind.KILL, Kind.PAUSE, Kind.CUT, Kind.SLOW, Kind.REPLAY, Kind.WEBHOOKS_DOUBLED)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutants", description="Show that the checker catches known mistakes.")
    names = ", ".join(mutation.name for mutation in MUTATIONS)
    parser.add_argument("mutations", nargs="*", help=f"only these: {names}")
    parser.add_argument("--shrink", type=int, default=0, metavar="RUNS", help="shorten a seed's plan that catches one")
    parser.add_argument("--seed", type=int, default=1, help="whose plan is shortened")
    parser.add_argument("--seconds", type=float, default=30, help="how long that plan is")
    return parser


if __name__ == "__main__":
    sys.exit(main())
