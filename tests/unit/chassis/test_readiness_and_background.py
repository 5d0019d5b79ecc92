"""Starting what is away until it is there, and running again what failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from services.chassis.plain import backoff
from services.chassis.plain.errors import Unavailable
from services.chassis.process import background, readiness
from services.chassis.process.background import Background
from services.chassis.process.readiness import Readiness
from services.chassis.process.resource import Impaired


class Part:
    """A resource that a test controls."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name = name
        self.failing_starts = 0
        self.away: Exception | None = None
        self.stop_error: Exception | None = None
        self.events = events

    async def start(self) -> None:
        if self.failing_starts:
            self.failing_starts -= 1
            raise ConnectionError("still away")
        self.events.append(f"{self.name} started")

    async def stop(self) -> None:
        self.events.append(f"{self.name} stopped")
        if self.stop_error:
            raise self.stop_error

    async def check(self) -> None:
        if self.away:
            raise self.away


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(first: float, most: float) -> Iterator[float]:
        while True:
            yield 0.0

    monkeypatch.setattr(backoff, "delays", at_once)
    monkeypatch.setattr(readiness, "_CHECK_EVERY", 0.01)


@asynccontextmanager
async def _run(ready: Readiness) -> AsyncIterator[None]:
    task = asyncio.create_task(ready.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_a_start_is_tried_until_it_succeeds_and_logged_once() -> None:
    events: list[str] = []
    part = Part("database", events)
    part.failing_starts = 5
    seen: list[bool] = []
    ready = Readiness(seen.append)
    ready.add(part, required=True)
    assert (ready.serving, ready.failing) == (False, ["database"])
    with capture_logs() as lines:
        async with _run(ready):
            await ready.all_started.wait()
            assert (ready.serving, ready.opened, ready.failing) == (True, True, [])
    assert events == ["database started"]
    assert [line["event"] for line in lines] == ["waiting_for_resource", "resource_started"]
    assert (seen[0], seen[-1]) == (False, True)


async def test_with_nothing_to_wait_for_it_serves_at_once() -> None:
    ready = Readiness(lambda serving: None)
    await ready.run()
    assert ready.serving
    assert ready.all_started.is_set()


async def test_one_failed_check_is_ignored_and_two_are_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part("database", [])
    ready = Readiness(lambda serving: None)
    ready.add(part, required=True)
    watched = ready._all[0]
    watched.started = ready._opened = True
    part.away = ConnectionError("gone away")
    await ready._check(watched)
    assert ready.serving
    await ready._check(watched)
    assert (ready.serving, ready.failing) == (False, ["database"])
    part.away = None
    await ready._check(watched)
    assert (ready.serving, ready.failing) == (True, [])
    assert ready.opened  # calls are answered all the time


async def test_a_part_that_is_impaired_is_named_and_takes_no_calls_away() -> None:
    part = Part("database", [])
    ready = Readiness(lambda serving: None)
    ready.add(part, required=True)
    watched = ready._all[0]
    watched.started = ready._opened = True
    part.away = Impaired("disk full")
    with capture_logs() as lines:
        for _ in range(3):
            await ready._check(watched)
        assert (ready.serving, ready.failing) == (True, ["database"])
        part.away = ConnectionError("gone away")
        await ready._check(watched)
        assert (ready.serving, ready.failing) == (False, ["database"])
        part.away = None
        await ready._check(watched)
        assert (ready.serving, ready.failing) == (True, [])
    assert [line["event"] for line in lines] == ["resource_impaired", "resource_away", "resource_back"]


async def test_a_check_that_hangs_is_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_CHECK_TIMEOUT", 0.01)

    class Hanging(Part):
        async def check(self) -> None:
            await asyncio.sleep(60)

    ready = Readiness(lambda serving: None)
    ready.add(Hanging("database", []), required=True)
    async with _run(ready):
        await ready.all_started.wait()
        await _until(lambda: not ready.serving)


async def test_what_is_not_required_is_only_named() -> None:
    part = Part("broker", [])
    part.failing_starts = 10**9
    ready = Readiness(lambda serving: None)
    ready.add(part, required=False)
    async with _run(ready):
        await _until(lambda: ready.serving)
        assert ready.failing == ["broker"]
        assert not ready.all_started.is_set()


async def test_after_closing_it_never_serves_again() -> None:
    ready = Readiness(lambda serving: None)
    await ready.run()
    ready.close()
    assert not ready.serving
    assert ready.opened


async def test_resources_stop_in_reverse_order_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    parts = [Part(name, events) for name in ("one", "two", "three")]
    parts[1].stop_error = ValueError("stuck")

    class Hanging(Part):
        async def stop(self) -> None:
            await asyncio.sleep(60)

    ready = Readiness(lambda serving: None)
    for part in (*parts, Hanging("four", events)):
        ready.add(part, required=True)
    with capture_logs() as lines:
        await ready.stop_all(at_most=0.02)
    assert events == ["three stopped", "two stopped", "one stopped"]
    assert [line["resource"] for line in lines] == ["four", "two"]


def test_names_are_unique() -> None:
    ready, beside = Readiness(lambda serving: None), Background()
    ready.add(Part("database", []), required=True)
    with pytest.raises(ValueError, match="database"):
        ready.add(Part("database", []), required=True)

    async def run() -> None: ...

    beside.add("relay", run)
    with pytest.raises(ValueError, match="relay"):
        beside.add("relay", run)


async def test_a_task_that_fails_is_run_again_and_one_that_returns_is_not() -> None:
    runs: list[str] = []

    async def fails_twice() -> None:
        runs.append("fails")
        if runs.count("fails") < 3:
            raise KeyError("again")
        await asyncio.sleep(60)

    async def returns() -> None:
        runs.append("returns")

    beside = Background()
    beside.add("fails", fails_twice)
    beside.add("returns", returns)
    with capture_logs() as lines:
        beside.start()
        await _until(lambda: runs.count("fails") == 3)
        await beside.stop()
    assert runs.count("returns") == 1
    assert [line["task"] for line in lines if line["event"] == "background_failed"] == ["fails", "fails"]


async def test_a_task_that_waits_for_a_dependency_logs_one_line() -> None:
    runs: list[str] = []

    async def away() -> None:
        runs.append("run")
        if len(runs) < 3:
            error = Unavailable()
            error.__cause__ = ConnectionError("refused")
            raise ExceptionGroup("in a task group", [error])
        await asyncio.sleep(60)

    beside = Background()
    beside.add("away", away)
    with capture_logs() as lines:
        beside.start()
        await _until(lambda: len(runs) == 3)
        await beside.stop()
    line = {"event": "background_put_off", "log_level": "warning", "task": "away", "error": "ConnectionError: refused"}
    assert lines == [line, line]


async def test_somebody_elses_cancellation_is_a_failure_like_any_other() -> None:
    runs: list[str] = []

    async def cancelled_inside() -> None:
        runs.append("run")
        if len(runs) < 3:
            raise asyncio.CancelledError  # as it comes out of an awaited task that somebody else cancelled
        await asyncio.sleep(60)

    class Odd(Part):
        async def start(self) -> None:
            if self.failing_starts:
                self.failing_starts -= 1
                raise asyncio.CancelledError

    beside = Background()
    beside.add("odd", cancelled_inside)
    part = Odd("odd", [])
    part.failing_starts = 2
    ready = Readiness(lambda serving: None)
    ready.add(part, required=True)
    beside.start()
    async with _run(ready):
        await ready.all_started.wait()
        await _until(lambda: len(runs) == 3)
    await beside.stop()
    assert ready.serving


async def test_stopping_waits_until_tasks_have_cleaned_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("tidy")

    beside = Background()
    beside.add("tidy", tidy)
    beside.start()
    await asyncio.sleep(0)
    await beside.stop()
    assert ended == ["tidy"]


async def test_a_task_that_will_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_END_AT_MOST", 0.01)
    release = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await release.wait()

    beside = Background()
    beside.add("stubborn", stubborn)
    beside.start()
    await asyncio.sleep(0)
    with capture_logs() as lines:
        await beside.stop()
    assert [(line["event"], line["task"]) for line in lines] == [("background_did_not_end", "stubborn")]
    release.set()


async def test_stopping_what_never_started() -> None:
    await Background().stop()
