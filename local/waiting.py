"""Waits until parts are ready: prints a line for each, and the end of its log if one fails."""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from local.part import Part
from local.stack import Stack
from local.supervision import State, Supervisor

_DEADLINE_SECONDS = 180
_PAUSE_SECONDS = 0.2
_CRASHES_TO_GIVE_UP = 4
_TAIL_LINES = 25


def wait_until_ready(stack: Stack, supervisor: Supervisor, parts: Sequence[Part]) -> bool:
    """Whether all parts became ready. Gives up on a part that keeps exiting, and after a time limit."""
    started = time.monotonic()
    pending = list(parts)
    crashes: dict[str, set[int]] = defaultdict(set)
    while True:
        states = supervisor.states()
        for part in [part for part in pending if is_ready(stack, part, states[part.name])]:
            pending.remove(part)
            _say(f"{part.name:<20} ready {time.monotonic() - started:6.1f} s")
        if not pending:
            return True
        for part in pending:
            if states[part.name].failing:
                crashes[part.name].add(states[part.name].started)
        hopeless = [part for part in pending if len(crashes[part.name]) >= _CRASHES_TO_GIVE_UP]
        if hopeless or time.monotonic() - started > _DEADLINE_SECONDS:
            _give_up(stack, hopeless or pending)
            for part in hopeless:  # otherwise it would restart forever, unnoticed
                supervisor.stop(part)
            return False
        _say_waiting(pending, time.monotonic() - started)
        time.sleep(_PAUSE_SECONDS)


def is_ready(stack: Stack, part: Part, state: State) -> bool:
    """Whether the part runs and its check succeeds, or, for a task, whether it has exited with 0."""
    if part.ready is None:
        return state.finished
    return state.running and part.ready(stack)


def _give_up(stack: Stack, parts: Sequence[Part]) -> None:
    for part in parts:
        _say(f"{part.name:<20} does not start. The end of its log:")
        print(_tail(stack.logs / f"{part.name}.log"))
    print("The rest keeps running: `make logs` follows it, `make down` stops it.", file=sys.stderr)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])


def _say(text: str) -> None:
    print(f"\r\033[K{text}" if sys.stdout.isatty() else text, flush=True)


def _say_waiting(parts: Sequence[Part], seconds: float) -> None:
    if sys.stdout.isatty():
        names = ", ".join(part.name for part in parts)
        print(f"\r\033[Kwaiting {seconds:.0f} s for {names}"[:120], end="", flush=True)
