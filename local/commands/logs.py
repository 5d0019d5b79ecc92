"""`logs`: follows the logs of some parts, or of all."""

import subprocess
import sys
from collections.abc import Sequence

from local.stack import Stack

_LINES = "20"


def logs(stack: Stack, names: Sequence[str]) -> int:
    """Follow the parts' files, also over a rotation, until interrupted."""
    found = {path.stem: path for path in sorted(stack.logs.glob("*.log"))}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        print(
            f"no logs of {', '.join(unknown) or 'anything'}; there are: {', '.join(found) or 'none'}", file=sys.stderr
        )
        return 1
    files = [found[name] for name in names or found]
    return subprocess.run(["tail", "-n", _LINES, "-F", *files], check=False).returncode
