"""Passwords: bcrypt, cost 12, off the event loop.

A hash takes a core for about a fifth of a second, so that guessing is expensive. The limits here protect all other
calls from that cost: one core stays free (if there are several), threads of low priority (bcrypt releases the
interpreter's lock), a bounded queue before them, and an error when the queue is full. A hash that would not be ready
before the deadline of its call is not begun.
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
from typing import TypeVar

import bcrypt
from prometheus_client import Gauge

from services.chassis.plain import deadlines
from services.chassis.plain.single_flight import SingleFlight
from services.user.ports import TooManySignIns

COST = 12
"""2^12 rounds."""

PATIENCE_SECONDS = 4.0
"""The longest wait in the queue: on a busy machine a short queue takes long, and work that ends after its caller's
deadline is wasted."""
_HASH_SECONDS = 0.25
_NICENESS = 5

_WAITING = Gauge("argosy_password_hashes", "Password hashes that are being computed or wait to be")

T = TypeVar("T")


class BcryptPasswords:
    """Hashes passwords and compares them with hashes (ports.Passwords)."""

    def __init__(self, threads: int, queue: int) -> None:
        """`threads`: concurrent hashes; `queue`: the maximum that may wait."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt", initializer=_give_way)
        self._places = threading.BoundedSemaphore(threads + queue)
        self._shared = SingleFlight()

    def check_room(self, name: str) -> None:
        """See ports.Passwords. A name whose password is being hashed may share the result."""
        if self._shared.is_asked_about(name):
            return
        if not self._places.acquire(blocking=False):
            raise TooManySignIns
        self._places.release()

    async def hash(self, name: str, password: str) -> bytes:
        """A new hash of the password.

        Concurrent calls with the same name and password share one hash: a hundred retries of a client cost one.

        Raises:
            TooManySignIns: the queue is full, or too slow.
        """
        secret = password.encode()
        return await self._once((name, secret), lambda: bcrypt.hashpw(secret, bcrypt.gensalt(COST)))

    async def matches(self, name: str, password: str, password_hash: bytes | None) -> bool:
        """Whether it is the password of the hash. Without a hash (unknown address) False, after the same time.

        Raises:
            TooManySignIns: the queue is full, or too slow.
        """
        secret = password.encode()
        return await self._once((name, secret, password_hash), lambda: _matches(secret, password_hash))

    async def _once(self, question: tuple[Hashable, ...], compute: Callable[[], T]) -> T:
        return await self._shared.once(question, lambda: asyncio.wrap_future(self._submit(compute)))

    def _submit(self, compute: Callable[[], T]) -> Future[T]:
        if not self._places.acquire(blocking=False):
            raise TooManySignIns
        future = self._threads.submit(_in_time, time.monotonic() + _patience(), compute)
        _WAITING.inc()
        # The slot is free when its thread is, or when the work was cancelled before a thread took it; not when the
        # caller goes away: a running hash continues.
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: Future[T]) -> None:
        _WAITING.dec()
        self._places.release()


def default_threads() -> int:
    """All cores that this process may use, but one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def _patience() -> float:
    """How many seconds a hash of the current call may wait."""
    left = deadlines.remaining()
    return PATIENCE_SECONDS if left is None else min(PATIENCE_SECONDS, left - _HASH_SECONDS)


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
    """Lower this thread's priority: reads and the database come first. Only Linux has thread priorities."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
