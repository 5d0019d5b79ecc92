"""A repeated log line is written once in a while, with the number of lines left out."""

from __future__ import annotations

from services.chassis.plain import repeats
from services.chassis.plain.repeats import Repeats


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_same_line_is_logged_once_until_the_interval_is_over() -> None:
    clock = Clock()
    seen = Repeats(30, clock)
    assert [seen.left_out("away") for _ in range(4)] == [0, None, None, None]
    clock.seconds = 29.9
    assert seen.left_out("away") is None
    clock.seconds = 30
    assert seen.left_out("away") == 4
    assert seen.left_out("away") is None
    clock.seconds = 60
    assert seen.left_out("away") == 1


def test_other_lines_are_logged() -> None:
    seen = Repeats(30, Clock())
    assert [seen.left_out(what) for what in ("a", "b", "a")] == [0, 0, None]


def test_of_many_things_the_oldest_is_forgotten() -> None:
    clock = Clock()
    seen = Repeats(30, clock)
    for number in range(repeats._MOST_REMEMBERED + 1):
        clock.seconds = number / 1_000
        assert seen.left_out(number) == 0
    assert seen.left_out(1) is None
    assert seen.left_out(0) == 0, "it was forgotten, so it is new"
