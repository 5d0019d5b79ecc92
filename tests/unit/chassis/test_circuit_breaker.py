"""When a breaker opens, what passes meanwhile, and what closes it."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import REGISTRY

from services.chassis.rpc.circuit_breaker import CLOSED, HALF_OPEN, OPEN, CircuitBreaker, CircuitOpen


class Away(Exception):
    """The party is."""


class Refusal(Exception):
    """An answer of the party's."""


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker("lab", (Away,), now=clock)


def _state() -> float:
    return cast(float, REGISTRY.get_sample_value("argosy_circuit_breaker_state", {"party": "lab"}))


def _call(breaker: CircuitBreaker, failure: Exception | None = None) -> None:
    with breaker.passing():
        if failure is not None:
            raise failure


def _fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Away):
            _call(breaker, Away())


def test_five_failures_in_a_row_open_it_for_a_minute() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    _fail(breaker, 4)
    _call(breaker)
    _fail(breaker, 5)
    assert _state() == OPEN
    clock.seconds = 59.5
    with pytest.raises(CircuitOpen) as refused:
        _call(breaker)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after.total_seconds() == 1.0


def test_an_answer_that_one_does_not_like_is_no_failure() -> None:
    breaker = _breaker(Clock())
    _fail(breaker, 4)
    with pytest.raises(Refusal):
        _call(breaker, Refusal())
    _fail(breaker, 4)
    assert _state() == CLOSED


def test_one_probe_closes_it() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    _fail(breaker, 5)
    clock.seconds = 60
    with breaker.passing():
        assert _state() == HALF_OPEN
        with pytest.raises(CircuitOpen):
            _call(breaker)
    assert _state() == CLOSED
    _fail(breaker, 4)
    assert _state() == CLOSED


def test_or_opens_it_again_for_as_long() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    _fail(breaker, 5)
    clock.seconds = 60
    _fail(breaker, 1)
    assert _state() == OPEN
    clock.seconds = 119
    with pytest.raises(CircuitOpen):
        _call(breaker)
    clock.seconds = 120
    _call(breaker)
    assert _state() == CLOSED


async def test_a_probe_that_is_cancelled_does_not_count_and_the_next_call_probes() -> None:
    clock = Clock()
    breaker = _breaker(clock)
    _fail(breaker, 5)
    clock.seconds = 60

    async def probe() -> None:
        with breaker.passing():
            await asyncio.sleep(60)

    task = asyncio.create_task(probe())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with breaker.passing():
        assert _state() == HALF_OPEN


def test_what_began_before_it_opened_does_not_close_it() -> None:
    breaker = _breaker(Clock())
    with breaker.passing():
        _fail(breaker, 5)
    assert _state() == OPEN


class Machine(RuleBasedStateMachine):
    """Against the plainest model: how many failures in a row, and since when it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = _breaker(self.clock)
        self.in_a_row = 0
        self.open_since: float | None = None

    @property
    def passes(self) -> bool:
        return self.open_since is None or self.clock.seconds - self.open_since >= 60

    @rule(seconds=strategies.sampled_from([1.0, 30.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @precondition(lambda self: self.passes)
    @rule()
    def succeed(self) -> None:
        _call(self.breaker)
        self.in_a_row, self.open_since = 0, None

    @precondition(lambda self: self.passes)
    @rule()
    def fail(self) -> None:
        _fail(self.breaker, 1)
        self.in_a_row += 1
        if self.open_since is not None or self.in_a_row >= 5:
            self.open_since = self.clock.seconds

    @precondition(lambda self: not self.passes)
    @rule()
    def be_refused(self) -> None:
        with pytest.raises(CircuitOpen):
            _call(self.breaker)

    @invariant()
    def state_is_measured(self) -> None:
        assert _state() == (CLOSED if self.open_since is None else OPEN)


TestMachine = Machine.TestCase
TestMachine.settings = settings(deadline=None, max_examples=50)
