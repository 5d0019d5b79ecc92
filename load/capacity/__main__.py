"""`python -m load.capacity --rate 100 [--units order=20 …]`: what a rate of purchases does to each part.

`--machine 2`: all parts share two cores, as on a laptop. `--document`: the tables of docs/capacity.md.
"""

from __future__ import annotations

import argparse
import sys

from facts.system import system
from load.capacity.plan import deployed
from load.capacity.report import at_rate, document, shared_machine


def main() -> int:
    """Print the tables. Returns 2 for a part that does not exist."""
    options = _options()
    facts = system()
    if options.document:
        sys.stdout.write(document(facts))
        return 0
    units = deployed(facts)
    changed = dict(options.units)
    unknown = sorted(changed.keys() - units.keys())
    if unknown:
        print(f"--units: no part {', '.join(unknown)}; there are: {', '.join(units)}", file=sys.stderr)
        return 2
    units |= changed
    if options.machine:
        sys.stdout.write(shared_machine(options.rate, options.machine, units, options.jobs))
    else:
        sys.stdout.write(at_rate(options.rate, units, options.jobs))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m load.capacity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=_positive, default=100.0, help="purchases a second (default: 100)")
    parser.add_argument("--units", type=_part_and_count, nargs="*", default=[], metavar="PART=COUNT")
    parser.add_argument("--machine", type=int, metavar="CORES", help="all parts share these cores")
    parser.add_argument("--jobs", type=int, default=20_000, help="purchases to simulate (default: 20000)")
    parser.add_argument("--document", action="store_true", help="print the tables of docs/capacity.md")
    return parser.parse_args()


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def _part_and_count(text: str) -> tuple[str, int]:
    part, _, count = text.rpartition("=")
    if not part or not count.isdecimal() or int(count) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not PART=COUNT, such as order=20")
    return part, int(count)


if __name__ == "__main__":
    sys.exit(main())
