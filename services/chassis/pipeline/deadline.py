"""Every call has a deadline: the contract's, or the caller's when that is earlier. Then the handler is cancelled.

A stream that has been open for its time ends well: nothing failed, and who wants more opens another.
"""

from __future__ import annotations

import asyncio

from services.chassis import deadlines
from services.chassis.errors import DeadlineExceeded
from services.chassis.pipeline.exchange import Exchange, Step
from services.chassis.policy import MethodPolicyView
from services.chassis.time_limits import TimeLimits

_limits = TimeLimits()


def limit(method: MethodPolicyView, proceed: Step) -> Step:
    """Let the call take no longer than it may. A TimeoutError of the handler's own stays what it is."""
    allowed = method.deadline

    async def limited(exchange: Exchange) -> bytes:
        callers = exchange.context.time_remaining()
        seconds = allowed if callers is None else min(allowed, callers)
        exchange.deadline = asyncio.get_running_loop().time() + seconds
        deadlines.enter(exchange.deadline)
        limit = _limits.begin(exchange.deadline)
        try:
            return await proceed(exchange)
        except asyncio.CancelledError as cancelled:
            if limit.end():
                if exchange.messages:
                    return b""
                raise DeadlineExceeded() from cancelled
            raise
        finally:
            limit.end()

    return limited
