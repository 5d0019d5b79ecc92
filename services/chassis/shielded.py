"""Work that is not cut in the middle when the caller goes away.

A call's task is cancelled when its client hangs up or its deadline passes. A use case that has asked somebody else to
act (a card to be charged) wraps what must follow in `shielded`: it then runs to its end, or to a limit of its own, and
the service's drain waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from services.chassis import deadlines

T = TypeVar("T")

_log = structlog.get_logger()
_unfinished: set[asyncio.Task[Any]] = set()


async def shielded(work: Coroutine[Any, Any, T], at_most: float) -> T:
    """Await `work`; cancelling the awaiter does not cancel it.

    `at_most` seconds, whatever is left of the call, then it is cancelled and TimeoutError raised. Its own failure is
    raised here, or logged when nobody awaits it any more.
    """
    task = asyncio.create_task(_limited(work, at_most))
    _unfinished.add(task)
    task.add_done_callback(_unfinished.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_report_failure)
        raise


async def finish(at_most: float) -> None:
    """Wait for all shielded work, `at_most` seconds, then cancel what is left and wait for that."""
    if not _unfinished:
        return
    await asyncio.wait(_unfinished, timeout=at_most)
    late = list(_unfinished)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _limited(work: Coroutine[Any, Any, T], at_most: float) -> T:
    deadline = asyncio.get_running_loop().time() + at_most
    deadlines.enter(deadline)
    async with asyncio.timeout_at(deadline):
        return await work


def _report_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("shielded_work_failed", exc_info=error)
