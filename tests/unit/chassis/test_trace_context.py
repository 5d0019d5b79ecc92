"""traceparent: taken when good, made anew when not, and following the work."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.plain import trace_context

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_good_one_is_taken_as_it_is() -> None:
    assert trace_context.accept(GOOD) == GOOD
    assert trace_context.trace_id(GOOD) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "bad",
    [
        None, b"00", "", "nonsense", GOOD.upper(), GOOD + "\n", GOOD + "-more", "ff" + GOOD[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)  # fmt: skip
def test_a_bad_one_makes_a_new_trace(bad: str | bytes | None) -> None:
    made = trace_context.accept(bad)
    assert made != bad
    assert trace_context.accept(made) == made


@given(st.text())
def test_whatever_comes_something_good_results(header: str) -> None:
    taken = trace_context.accept(header)
    assert trace_context.accept(taken) == taken


async def test_it_follows_a_task_and_leaves_others_alone() -> None:
    async def work() -> str | None:
        trace_context.enter(GOOD)
        return await asyncio.create_task(_inner())

    async def _inner() -> str | None:
        return trace_context.current()

    assert await asyncio.create_task(work()) == GOOD
    assert trace_context.current() is None


def test_inside_a_block_and_no_further() -> None:
    assert trace_context.current() is None
    with trace_context.using(GOOD):
        assert trace_context.current() == trace_context.current_or_new() == GOOD
    assert trace_context.current() is None
    assert trace_context.current_or_new() != trace_context.current_or_new()


def test_new_traces_have_the_sampled_flag_of_their_creator() -> None:
    assert trace_context.new().endswith("-01")
    try:
        trace_context.decide_sampling(lambda trace_id: trace_id % 2 == 0)
        for _ in range(20):
            made = trace_context.new()
            assert made.endswith("-01") is (int(trace_context.trace_id(made), 16) % 2 == 0)
    finally:
        trace_context.decide_sampling(bool)
