"""A circuit breaker: after repeated failures of an external party, calls to it fail at once for a while.

    breaker = CircuitBreaker("stripe", failures=(Silent,))
    with breaker.passing():
        await client.ask(...)

Closed: all calls pass; consecutive failures open it. Open: calls raise CircuitOpen until the open time is over. Half
open: one call, the probe, passes. Its success closes the breaker, its failure opens it again.
https://martinfowler.com/bliki/CircuitBreaker.html
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import structlog
from prometheus_client import Gauge

from services.chassis.plain.errors import Unavailable

FAILURES = 5
OPEN_SECONDS = 60.0
CLOSED, HALF_OPEN, OPEN = 0, 1, 2

_state = Gauge("argosy_circuit_breaker_state", "0 closed, 1 half open: one call probes, 2 open.", ["party"])
_log = structlog.get_logger()


class CircuitOpen(Unavailable):
    """The breaker is open: the call was not made."""

    def __init__(self, party: str, seconds: float) -> None:
        super().__init__(f"{party} is temporarily unavailable; try again", retry_after=timedelta(seconds=seconds))


class CircuitBreaker:
    """The breaker for one external party in one process.

    Args:
        party: its name, for the log and the metric `argosy_circuit_breaker_state`.
        failures: exceptions that count as failures of the party. Any other exception counts as an answer.
        most: the number of consecutive failures that opens the breaker.
        open_seconds: how long it stays open before a probe.
        now: a clock, in seconds.
    """

    def __init__(
        self,
        party: str,
        failures: tuple[type[Exception], ...],
        *,
        most: int = FAILURES,
        open_seconds: float = OPEN_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._party = party
        self._counted = failures
        self._most = most
        self._open_seconds = open_seconds
        self._now = now
        self._in_a_row = 0
        self._open_until: float | None = None
        self._probing = False
        _state.labels(party).set(CLOSED)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now."""
        return self._open_until is not None and self._now() < self._open_until

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Guards one call. Raises CircuitOpen if the breaker is open."""
        probe = self._enter()
        try:
            yield
        except self._counted:
            self._failed(probe)
            raise
        except Exception:
            self._answered(probe)
            raise
        else:
            self._answered(probe)
        finally:
            if probe:  # a cancelled probe has no result: the next call probes
                self._probing = False

    def _enter(self) -> bool:
        """Whether the call is the probe."""
        if self._open_until is None:
            return False
        left = self._open_until - self._now()
        if left > 0 or self._probing:
            raise CircuitOpen(self._party, max(left, 1.0))
        self._probing = True
        _state.labels(self._party).set(HALF_OPEN)
        return True

    def _answered(self, probe: bool) -> None:
        if self._open_until is not None and not probe:
            return  # it began before the breaker opened: too old to count
        self._in_a_row = 0
        if probe:
            self._open_until = None
            _state.labels(self._party).set(CLOSED)
            _log.info("circuit_closed", party=self._party)

    def _failed(self, probe: bool) -> None:
        self._in_a_row += 1
        if probe or (self._open_until is None and self._in_a_row >= self._most):
            self._open_until = self._now() + self._open_seconds
            _state.labels(self._party).set(OPEN)
            _log.warning("circuit_opened", party=self._party, failures=self._in_a_row, seconds=self._open_seconds)
