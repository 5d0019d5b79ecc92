"""`python -m codegen collect | generate | derive | check | breaking --against COMMIT | release`."""

import argparse
import subprocess
import sys

from codegen.blocks import NoBlock
from codegen.check import CheckFailed, check, check_against
from codegen.collect import collect, is_collected
from codegen.generate import regenerate, renew_stubs
from codegen.paths import GENERATED, ROOT
from codegen.releases import NoRelease, keep
from facts.service import FactsError
from services.chassis.rpc.contract import ContractError


def main() -> int:
    """Run one command. Returns the exit status of the process."""
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument(
        "command",
        choices=("collect", "generate", "derive", "check", "breaking", "release"),
        help="collect: fetch imported protos (network); generate: write generated/; "
        "derive: the same, if the stubs have all options of the contract; check: lint, drift, compatibility; "
        "breaking: compatibility with another commit; release: store the contract of this version",
    )
    parser.add_argument("--against", default="main", help="breaking: the commit to compare with")
    arguments = parser.parse_args()
    command = arguments.command
    try:
        if command == "collect" or not is_collected():
            collect()
        if command == "generate":
            renew_stubs(GENERATED)
            # The contract is read by its own stubs, and this process has the old ones.
            subprocess.run([sys.executable, "-m", "codegen", "derive"], check=True)
        elif command == "derive":
            regenerate(GENERATED)
        elif command == "check":
            check()
        elif command == "breaking":
            check_against(arguments.against)
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
