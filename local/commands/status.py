"""`status`: every part with its state, process, ports and memory."""

from local import credentials, data
from local.layout import LAPTOP, Layout
from local.part import Part
from local.processes import memory_bytes
from local.stack import Stack
from local.supervision import State, Supervisor

_ROW = "{:<20} {:<10} {:>8} {:<14} {:>8}"


def status(stack: Stack, layout: Layout = LAPTOP) -> int:
    """Print the table. The exit code is 0 if all parts are ready."""
    supervisor = Supervisor(stack)
    if not data.ours(stack) or not supervisor.alive():
        print("Nothing is running here: `make up` starts everything.")
        return 1
    states = supervisor.states()
    table = layout.parts(stack, credentials.read(stack.secrets))
    words = {part.name: _word(stack, part, states[part.name]) for part in table}
    print(_ROW.format("part", "state", "pid", "port", "memory"))
    for part in table:
        pid = states[part.name].pid
        ports = " ".join(str(stack.port(name)) for name in part.ports)
        memory = f"{memory_bytes(pid) / 1e6:.0f} MB" if pid else ""
        print(_ROW.format(part.name, words[part.name], pid or "", ports, memory))
    return 0 if all(word in ("ready", "done") for word in words.values()) else 1


def _word(stack: Stack, part: Part, state: State) -> str:
    if part.ready is None:
        return "done" if state.finished else "working" if state.word in ("RUNNING", "STARTING") else state.word.lower()
    if state.running:
        return "ready" if part.ready(stack) else "not ready"
    return state.word.lower()
