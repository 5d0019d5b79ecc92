"""Whose cancellation it is.

A CancelledError that comes out of an `await` is either the present task's own end, which must go on, or that of
something it waited for (a library's task, a future), which is a failure like any other.
"""

from __future__ import annotations

import asyncio


def is_own() -> bool:
    """Whether the present task itself was asked to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
