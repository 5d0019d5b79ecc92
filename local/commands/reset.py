"""`reset`: stops the stack and deletes its data. What set-up installed stays."""

import sys

from local import data
from local.commands.down import stop
from local.layout import LAPTOP, Layout
from local.stack import Stack


def reset(stack: Stack, layout: Layout = LAPTOP, *, yes: bool = False) -> int:
    """Stop the stack and delete its data after a confirmation. Raises NotOurs if the directory is not a stack's."""
    if not stack.data.exists():
        print("There is no data.")
        return 0
    if data.ours(stack) and not (yes or _agreed(stack)):
        return 1
    with data.alone(stack):
        if data.ours(stack) and stack.secrets.exists():
            code = stop(stack, layout)
            if code:
                return code
        data.delete(stack)
        print(f"{stack.data} was deleted.")
        return 0


def _agreed(stack: Stack) -> bool:
    """Ask for confirmation. Without a terminal, nothing is deleted."""
    if not sys.stdin.isatty():
        print(f"reset deletes all data in {stack.data}: pass YES=1 (make) or --yes to confirm", file=sys.stderr)
        return False
    try:
        answer = input(f"Stop the system and delete all its data in {stack.data}? [y/N] ")
    except EOFError:
        answer = ""
    agreed = answer.strip().lower() in ("y", "yes")
    if not agreed:
        print("Nothing was deleted.")
    return agreed
