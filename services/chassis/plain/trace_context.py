"""The W3C `traceparent` of the current task. Child tasks inherit it.

A call takes it from its metadata, a consumer from the event's headers. Clients and the outbox propagate it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "traceparent"

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_random = random.Random()  # noqa: S311 - ids of traces are not secret, and must be cheap
Decide = Callable[[int], bool]
"""The sampling decision for a new trace, by its id."""

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


_decide: Decide = bool  # bool(id) is True: sampled, so that other services may record it


def new() -> str:
    """A traceparent that starts a new trace."""
    trace = _random.getrandbits(128)
    return f"00-{trace:032x}-{_random.getrandbits(64):016x}-{_decide(trace):02x}"


def decide_sampling(decide: Decide) -> None:
    """Set the sampling decision for new traces."""
    global _decide
    _decide = decide


def accept(header: str | bytes | None) -> str:
    """The header if it is valid, else a new trace. Never raises."""
    return header if isinstance(header, str) and _FORM.fullmatch(header) else new()


def current() -> str | None:
    """The current traceparent. None: there is none."""
    return _current.get()


def current_or_new() -> str:
    """The current traceparent, or a new trace if there is none."""
    return _current.get() or new()


def enter(traceparent: str) -> None:
    """Set the traceparent of the current task. For tasks with one purpose, such as a call's."""
    _current.set(traceparent)


@contextmanager
def using(traceparent: str) -> Iterator[None]:
    """Set the traceparent inside the block. For tasks with many purposes, such as a consumer's."""
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


def trace_id(traceparent: str) -> str:
    """The trace id in a traceparent: 32 hex digits."""
    return traceparent[3:35]
