"""Work that continues when the call that started it is cancelled.

A call's task is cancelled when the client disconnects or the deadline passes. A use case that has had an external
effect (a charged card) wraps what must follow in `shielded`: it runs to its end or to its own timeout, and the drain
waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from services.chassis.plain import deadlines

T = TypeVar("T")

_log = structlog.get_logger()
_unfinished: set[asyncio.Task[Any]] = set()


async def shielded(work: Coroutine[Any, Any, T], at_most: float) -> T:
    """Await `work`. Cancelling the awaiting task does not cancel the work.

    The work's timeout is `at_most` seconds, independent of the call's; then it is cancelled and TimeoutError is raised.
    Its own exceptions are raised here, or logged if the awaiting task was cancelled.
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
    """Wait `at_most` seconds for all shielded work, then cancel the rest and wait for it."""
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
