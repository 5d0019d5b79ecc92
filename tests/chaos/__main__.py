"""What `make chaos` calls: `python -m tests.chaos --seed 7 --minutes 2`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos import plan as plans
from tests.chaos import report
from tests.chaos.faults import impossible
from tests.chaos.plan import Fault, Kind
from tests.chaos.run import Outcome, chaos_stack, run
from tests.chaos.shrink import shrink
from tests.load import setup
from tests.load.profiles import NORMAL_RATE, Profile, profile


def main() -> int:
    """Run, report, and shrink what failed. Returns 1 when something did not hold."""
    arguments = _parser().parse_args()
    seconds = arguments.minutes * 60
    plan = plans.from_json(arguments.plan.read_text()) if arguments.plan else _generated(arguments, seconds)
    stack = chaos_stack()
    if arguments.load and (code := setup.main()):
        return code
    outcome = asyncio.run(run(stack, arguments.seed, plan, seconds, arguments.load))
    _print_outcome(outcome, stack.data.parent / "chaos-reports")
    if arguments.publish:
        print(f"for check-in: {report.publish(stack.data.parent / 'chaos-reports' / outcome.name)}")
    if outcome.problems and arguments.shrink:
        shortest = asyncio.run(_shortest(outcome, arguments.shrink))
        _keep(shortest, stack.data.parent / "chaos-reports" / f"{outcome.name}-shortest.json", arguments)
    return 1 if outcome.problems else 0


def _generated(arguments: argparse.Namespace, seconds: float) -> list[Fault]:
    return plans.generate(arguments.seed, seconds, [kind for kind in arguments.faults if _possible(kind)])


def _possible(kind: Kind) -> bool:
    """Whether this machine can have such a fault; prints why not."""
    why = impossible(kind)
    if why:
        print(f"{kind} is left out: {why}", file=sys.stderr)
    return not why


def _kinds(names: str) -> list[Kind]:
    try:
        return plans.kinds_of(names)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _load(name: str) -> Profile:
    try:
        return profile(name, NORMAL_RATE)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _print_outcome(outcome: Outcome, directory: Path) -> None:
    where = report.write(outcome, directory / outcome.name)
    (where.parent / "plan.json").write_text(plans.to_json(outcome.plan))
    print("\n".join(outcome.problems) or "Everything held.")
    bought = ", ".join(f"{count} {status}" for status, count in sorted(outcome.orders.items()))
    print(f"seed {outcome.seed}: {len(outcome.happened)} faults, {len(outcome.exchanges)} calls, orders: {bought}")
    if outcome.cut_off:
        print("cut off by the end of the run: " + ", ".join(map(str, outcome.cut_off)))
    if outcome.load:
        answers = ", ".join(f"{count} {status}" for status, count in sorted(outcome.arrivals.answers.items()))
        print(f"answers to what arrived beside: {answers}")
    print("whole again after " + (", ".join(_longest(outcome)) or "no fault that had the time for it alone"))
    print(f"report: {where}")


def _longest(outcome: Outcome) -> Iterator[str]:
    """The longest time to converge by kind of fault."""
    longest: dict[Kind, float] = {}
    for fault, seconds in outcome.converged:
        longest[fault.kind] = max(seconds, longest.get(fault.kind, 0.0))
    return (f"{kind} {seconds:.1f} s" for kind, seconds in sorted(longest.items()))


async def _shortest(outcome: Outcome, most_runs: int) -> list[Fault]:
    async def fails(plan: Sequence[Fault]) -> bool:
        print(f"trying {len(plan)} faults …", flush=True)
        return bool((await run(chaos_stack(), outcome.seed, plan, outcome.seconds, outcome.load)).problems)

    return await shrink(outcome.plan, fails, most_runs)


def _keep(shortest: Sequence[Fault], file: Path, arguments: argparse.Namespace) -> None:
    file.write_text(plans.to_json(shortest))
    print("The shortest plan that still fails:", *(f"  {fault.at:.1f} s  {fault}" for fault in shortest), sep="\n")
    print(f"Run it again: make chaos SEED={arguments.seed} MINUTES={arguments.minutes} PLAN={file}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description="Attack the system, then check everything.")
    parser.add_argument("--seed", type=int, default=1, help="what decides all faults and all that customers do")
    parser.add_argument("--minutes", type=float, default=2, help="how long faults happen")
    parser.add_argument("--faults", default="", type=_kinds, help=f"only these, with commas between: {','.join(Kind)}")
    parser.add_argument("--load", type=_load, metavar="PROFILE", help="a profile of `make load` that happens beside")
    parser.add_argument("--plan", type=Path, help="a plan of an earlier run, instead of the seed's")
    parser.add_argument("--shrink", type=int, default=0, metavar="RUNS", help="shorten a failing plan in so many runs")
    parser.add_argument("--publish", action="store_true", help="copy the report to docs/chaos, to be checked in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
