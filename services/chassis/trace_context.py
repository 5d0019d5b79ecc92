"""Which trace the present work belongs to: a W3C `traceparent` that follows it through tasks.

A call takes it from its metadata, a consumer from the event's headers; clients and the outbox pass it on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "traceparent"

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_random = random.Random()  # noqa: S311 - tells traces apart, keeps no secret, and every call makes one
Decide = Callable[[int], bool]
"""Whether a trace that begins here is recorded, by its id."""

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


_decide: Decide = bool  # nobody records here; the others may


def new() -> str:
    """The start of a trace of its own."""
    trace = _random.getrandbits(128)
    return f"00-{trace:032x}-{_random.getrandbits(64):016x}-{_decide(trace):02x}"


def decide_sampling(decide: Decide) -> None:
    """Let new traces say from now on whether they are recorded."""
    global _decide
    _decide = decide


def accept(header: str | bytes | None) -> str:
    """The header as it came when it is well-formed, else a new trace: a bad one is never an error."""
    return header if isinstance(header, str) and _FORM.fullmatch(header) else new()


def current() -> str | None:
    """The traceparent of the present work; None outside any."""
    return _current.get()


def current_or_new() -> str:
    """The traceparent of the present work, or of a new trace outside any."""
    return _current.get() or new()


def enter(traceparent: str) -> None:
    """Make it the present task's, to its end. For tasks that do one thing, such as a call's."""
    _current.set(traceparent)


@contextmanager
def using(traceparent: str) -> Iterator[None]:
    """Make it the present work's inside the block. For tasks that do many things, such as a consumer's."""
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)


def trace_id(traceparent: str) -> str:
    """The 32 hex digits that all of one trace's work shares."""
    return traceparent[3:35]
