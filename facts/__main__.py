"""`python -m facts`: compares the table of facts with the repository. Part of `make check`."""

import sys

from facts.check import everything
from facts.service import ROOT, read


def main() -> int:
    """Print all problems to stderr. Returns 1 if there are any, else 0."""
    found = everything(ROOT)
    sys.stderr.write("".join(f"{problem}\n" for problem in found))
    sys.stdout.write(f"{len(found)} problems\n" if found else f"{len(read())} services\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
