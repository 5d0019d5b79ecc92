"""Periodic work: rounds, pauses, and errors that pass or do not."""

from __future__ import annotations

import asyncio

import pytest

from services.chassis.errors import Unavailable
from services.chassis.periodic import Periodic


class Defect(Exception):
    """What ends a test: an error that does not pass."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return made


class Work:
    """Rounds that end as they are listed: with an answer or an error; then with a defect."""

    def __init__(self, *ends: bool | Exception) -> None:
        self.ends = [*ends, Defect()]

    async def once(self) -> bool:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


async def test_a_round_that_found_more_to_do_is_followed_at_once(pauses: list[float]) -> None:
    with pytest.raises(Defect):
        await Periodic("work", Work(True, True, False, False).once, 5).run()
    assert pauses == [5, 5]


async def test_an_error_that_passes_is_passed_on_and_the_next_round_tries_again(pauses: list[float]) -> None:
    failures: list[Exception] = []
    away = Unavailable()
    with pytest.raises(Defect):
        await Periodic("work", Work(away, False).once, 5, failures.append).run()
    assert (failures, pauses) == ([away], [5, 5])


async def test_pauses_vary_where_replicas_take_turns(pauses: list[float]) -> None:
    with pytest.raises(Defect):
        await Periodic("work", Work(*[False] * 50).once, 8, vary=True).run()
    assert all(4 <= pause <= 8 for pause in pauses)
    assert len(set(pauses)) > 10
