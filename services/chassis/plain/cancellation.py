"""Distinguishes the cancellation of the current task from that of an awaited one.

If the current task is cancelled, a CancelledError out of an `await` must be raised further. If the awaited task or
future was cancelled (by a library, for example), it is a failure like any other.
"""

from __future__ import annotations

import asyncio


def is_own() -> bool:
    """Whether the current task itself was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
