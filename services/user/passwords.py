"""Passwords: bcrypt, cost 12, off the event loop.

A hash takes a core for about a fifth of a second, so that guessing is dear. Whoever signs up or in pays that price too;
the limits here keep everybody else from paying it: at most one hash a core at a time, in threads that give way to all
others (bcrypt runs without the interpreter's lock), a bounded queue before them, and a plain refusal when that is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import bcrypt
from prometheus_client import Gauge

from services.chassis.errors import ResourceExhausted

COST = 12
"""2^12 rounds."""

PATIENCE_SECONDS = 4.0
"""How long a password may wait for its turn: on a busy machine a short queue takes long, and work that ends after its
caller's deadline is work for nobody."""
_NICENESS = 5
_COME_BACK = timedelta(seconds=2)
"""About what a full queue of the default length takes to drain."""

_WAITING = Gauge("argosy_password_hashes", "Password hashes that are being computed or wait to be")

T = TypeVar("T")


class TooManySignIns(ResourceExhausted):
    """As many passwords as may wait are waiting to be hashed, or this one has waited for as long as it may."""

    default_message = "too many sign-ins at the moment; try again later"
    default_retry_after = _COME_BACK


class Passwords:
    """Hashes passwords and compares them with hashes."""

    def __init__(self, threads: int, queue: int) -> None:
        """`threads` hashes at once, at most `queue` more waiting."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_give_way)
        self._places = threading.BoundedSemaphore(threads + queue)
        self._in_flight: dict[Hashable, _Shared] = {}

    async def hash(self, address_key: str, password: str) -> bytes:
        """A new hash of the password.

        Calls in flight for the same address and password share one hash, so that a client's hundred repeats cost one.

        Raises:
            TooManySignIns: the queue is full, or did not move.
        """
        secret = password.encode()
        return await self._once((address_key, secret), lambda: bcrypt.hashpw(secret, bcrypt.gensalt(COST)))

    async def matches(self, address_key: str, password: str, password_hash: bytes | None) -> bool:
        """Whether it is the password of the hash. No hash (an unknown address) takes as long to say no.

        Raises:
            TooManySignIns: the queue is full, or did not move.
        """
        secret = password.encode()
        return await self._once((address_key, secret, password_hash), lambda: _matches(secret, password_hash))

    async def _once(self, question: Hashable, compute: Callable[[], T]) -> T:
        """The answer to a question; whoever asks it while others wait for it gets the same answer."""
        shared = self._in_flight.get(question)
        if shared is None:
            shared = self._in_flight[question] = _Shared(asyncio.wrap_future(self._submit(compute)))
        shared.askers += 1
        try:
            return cast(T, await asyncio.shield(shared.answer))
        finally:
            shared.askers -= 1
            if not shared.askers:
                del self._in_flight[question]
                shared.answer.cancel()  # called off if everybody has gone; nothing when it is done

    def _submit(self, compute: Callable[[], T]) -> Future[T]:
        if not self._places.acquire(blocking=False):
            raise TooManySignIns
        future = self._threads.submit(_in_time, time.monotonic() + PATIENCE_SECONDS, compute)
        _WAITING.inc()
        # The place is free when the thread is, or when the work was cancelled before a thread took it; not when the
        # caller goes away, whose hash goes on.
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: Future[T]) -> None:
        _WAITING.dec()
        self._places.release()


@dataclass
class _Shared:
    """A computation, and how many wait for it."""

    answer: asyncio.Future[Any]
    askers: int = 0


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_time(start_by: float, compute: Callable[[], T]) -> T:
    if time.monotonic() > start_by:
        raise TooManySignIns
    return compute()


def _matches(secret: bytes, password_hash: bytes | None) -> bool:
    if password_hash is None:
        bcrypt.hashpw(secret, bcrypt.gensalt(COST))
        return False
    return bcrypt.checkpw(secret, password_hash)


def _give_way() -> None:
    """Lower this thread's priority: reads, and the database beside us, come first. Linux alone has it for a thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
