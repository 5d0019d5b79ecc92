"""What a chaos run shows of an instance that does not answer."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from local.stack import Stack
from local.supervision import State, Supervisor
from tests.chaos import stacks

_HANGS = """
import faulthandler, signal, time
faulthandler.register(signal.SIGUSR1)
print("started", flush=True)
time.sleep(60)
"""


class _Real:
    """The part of a real stack that is read."""

    def __init__(self, data: Path) -> None:
        self.stack = Stack(data, 0)
        self.stack.logs.mkdir()


async def shown(real: _Real, pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State("RUNNING" if pid else "BACKOFF", pid, 0, 0)
    monkeypatch.setattr(Supervisor, "states", lambda _: {"order": state})
    await stacks.show(real, "order")  # type: ignore[arg-type]


async def test_the_stack_of_a_process_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = _Real(tmp_path)
    with (real.stack.logs / "order.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _HANGS, stdout=PIPE, stderr=log)
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        await shown(real, process.pid, monkeypatch)
    finally:
        process.kill()
        await process.communicate()
    said = capsys.readouterr().err
    assert f"order, process {process.pid}:" in said
    assert "most recent call first" in said


async def test_no_process_is_asked_where_none_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, _: asked.append(pid))
    real = _Real(tmp_path)
    (real.stack.logs / "order.log").touch()
    await shown(real, 0, monkeypatch)
    assert asked == []
    assert capsys.readouterr().err == ""
