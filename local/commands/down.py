"""`down`: stops everything, the edge first and the stores last. The data stays."""

import sys
import time

import psutil

from local import credentials, data
from local.layout import LAPTOP, Layout
from local.part import Part
from local.port_claims import listened_to
from local.processes import end_leftovers
from local.progress import Line
from local.stack import Stack
from local.supervision import State, Supervisor

_PATIENCE_SECONDS = 120
_PAUSE_SECONDS = 0.2


def down(stack: Stack, layout: Layout = LAPTOP) -> int:
    """Stop the stack, and end processes that it left behind."""
    if not data.ours(stack):
        print("Nothing is running here.")
        return 0
    with data.alone(stack):
        return stop(stack, layout)


def stop(stack: Stack, layout: Layout = LAPTOP) -> int:
    """Stop like `down`, for a caller that already holds the stack's lock."""
    supervisor = Supervisor(stack)
    ran = _what_runs(stack, supervisor, layout)
    if ran is not None:
        with Line("Stopping: edge, services, stores"):
            _shut_down(supervisor)
    leftovers = end_leftovers(stack)
    held = listened_to(stack, ran or ())
    for line in held:
        print(line, file=sys.stderr)
    if not held:
        print("Everything has stopped." if ran is not None or leftovers else "Nothing was running.")
    return 1 if held else 0


def _what_runs(stack: Stack, supervisor: Supervisor, layout: Layout) -> list[Part] | None:
    """The parts that were started; None without a supervisor."""
    if not supervisor.alive():
        return None
    states = supervisor.states()
    # `ensure`: an earlier version with fewer secrets may have started the stack.
    table = layout.parts(stack, credentials.ensure(stack.secrets))
    return [part for part in table if not _idle(states.get(part.name))]


def _idle(state: State | None) -> bool:
    return state is None or state.idle


def _shut_down(supervisor: Supervisor) -> None:
    """Returns when supervisord has exited, or when the time limit is over."""
    process = psutil.Process(supervisor.pid())
    supervisor.shutdown()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
