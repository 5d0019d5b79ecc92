"""`python -m facts`: holds the table of facts to what is there. Part of `make check`."""

import sys

from facts.check import problems
from facts.service import ROOT, FactsError
from facts.system import read
from services.chassis.contract import ContractError


def main() -> int:
    """Entry point; returns 1 after naming everything that does not fit."""
    try:
        system = read()
    except (FactsError, ContractError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = list(problems(system, ROOT))
    sys.stderr.write("".join(f"{problem}\n" for problem in found))
    sys.stdout.write(f"{len(system.services)} services, {len(system.topics)} topics, {len(found)} problems\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
