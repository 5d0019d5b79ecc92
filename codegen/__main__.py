"""`python -m codegen collect | generate | check | release`."""

import argparse
import subprocess
import sys

from codegen.blocks import NoBlock
from codegen.check import CheckFailed, check
from codegen.collect import collect, is_collected
from codegen.generate import regenerate
from codegen.paths import GENERATED, ROOT
from codegen.releases import NoRelease, keep
from facts.service import FactsError
from services.chassis.contract import ContractError


def main() -> int:
    """Runs one command; answers with the process' exit status."""
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument(
        "command",
        choices=("collect", "generate", "check", "release"),
        help="collect: fetch imported protos (network); generate: write generated/; check: lint, drift, compatibility; "
        "release: keep the contract as that of this version",
    )
    command = parser.parse_args().command
    try:
        if command == "collect" or not is_collected():
            collect()
        if command == "generate":
            regenerate(GENERATED)
        elif command == "check":
            check()
        elif command == "release":
            print(f"kept: {keep().relative_to(ROOT)}")
    except (CheckFailed, ContractError, FactsError, NoBlock, NoRelease, FileNotFoundError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as problem:
        print(f"failed: {' '.join(map(str, problem.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
