"""The simulation agrees with queueing theory where theory has a formula."""

import math

import pytest

from load.capacity.queues import Give, Mark, Take, Work, mean_wait, simulate, use, waits

JOBS = 60_000


@pytest.mark.parametrize(("servers", "load", "probability"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (5, 4.0, 0.5541)])
def test_erlangs_formula(servers: int, load: float, probability: float) -> None:
    assert waits(servers, load) == pytest.approx(probability, rel=1e-3)


def test_an_overloaded_queue_has_no_mean() -> None:
    assert mean_wait(2, 200, 10) == math.inf


@pytest.mark.parametrize(("servers", "rate"), [(1, 50), (1, 80), (3, 240), (20, 1500)])
def test_waiting_is_that_of_m_m_c(servers: int, rate: float) -> None:
    result = simulate([*use("core", 10), Mark("end")], {"core": servers}, rate, JOBS)
    times = result.times["end"]
    assert sum(times) / len(times) == pytest.approx(10 + mean_wait(servers, rate, 10), rel=0.06)
    assert result.utilisation["core"] == pytest.approx(rate * 10 / 1000 / servers, rel=0.03)


def test_times_of_m_m_1_are_exponential() -> None:
    result = simulate([*use("core", 10), Mark("end")], {"core": 1}, 60, JOBS)
    mean = 10 / (1 - 0.6)
    assert result.percentile("end", 0.5) == pytest.approx(mean * math.log(2), rel=0.06)
    assert result.percentile("end", 0.99) == pytest.approx(mean * math.log(100), rel=0.1)


def test_queues_in_a_row_are_independent() -> None:
    """Burke's theorem: what leaves M/M/1 arrives at the next queue as a Poisson process."""
    result = simulate([*use("a", 10), *use("b", 5), Mark("end")], {"a": 1, "b": 1}, 70, JOBS)
    times = result.times["end"]
    assert sum(times) / len(times) == pytest.approx(10 / 0.3 + 5 / 0.65, rel=0.08)


def test_units_chosen_by_key_are_separate_queues() -> None:
    """Four partitions with a quarter of the jobs each wait like M/M/1, not like M/M/4."""
    result = simulate([*use("partition", 10, split=True), Mark("end")], {"partition": 4}, 280, JOBS)
    times = result.times["end"]
    assert sum(times) / len(times) == pytest.approx(10 / 0.3, rel=0.08)


def test_a_held_unit_counts_as_long_as_it_is_held() -> None:
    """A connection is taken while its transaction waits for a core: 5 ms of work on each side of 10 ms on a core."""
    steps = [Take("connection"), Work(5), *use("core", 10), Work(5), Give("connection"), Mark("end")]
    result = simulate(steps, {"connection": 50, "core": 1}, 50, JOBS)
    held = 5 + 10 / (1 - 0.5) + 5
    assert result.utilisation["connection"] == pytest.approx(50 * held / 1000 / 50, rel=0.08)


def test_few_connections_keep_a_core_idle() -> None:
    steps = [Take("connection"), Work(10), *use("core", 10), Give("connection"), Mark("end")]
    many, few = (simulate(steps, {"connection": count, "core": 1}, 80, 20_000) for count in (100, 2))
    assert few.percentile("end", 0.5) > 3 * many.percentile("end", 0.5)


def test_a_seed_gives_one_result() -> None:
    steps = [*use("core", 10), Mark("end")]
    one, same, other = (simulate(steps, {"core": 1}, 50, 1000, seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
