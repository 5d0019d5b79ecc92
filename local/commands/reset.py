"""`reset`: stops the stack and deletes its data. What set-up made stays."""

from local import data
from local.commands.down import stop
from local.layout import LAPTOP, Layout
from local.stack import Stack


def reset(stack: Stack, layout: Layout = LAPTOP) -> int:
    """Stop, then delete. Raises NotOurs when the directory is no stack's."""
    if not stack.data.exists():
        print("There is no data.")
        return 0
    with data.alone(stack):
        if data.ours(stack) and stack.secrets.exists():
            code = stop(stack, layout)
            if code:
                return code
        data.delete(stack)
        print(f"{stack.data} is gone.")
        return 0
