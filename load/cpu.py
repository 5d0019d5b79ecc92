"""What the parts of a running stack use of the CPU.

Counted is what the processes of each part use (user and system time, so a busy machine matters little). The parties are
left out: the Stripe sandbox, the mail sink, the collector of traces.
"""

import statistics
from collections.abc import Sequence

import psutil

from local import credentials
from local.part import Group
from local.stack import Stack
from local.supervision import Supervisor
from local.topology import parts

TOTAL = "all parts"

Costs = dict[str, float]
"""By part; milliseconds."""


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """What each part but the parties has used so far: its processes that live, and those that they have waited for."""
    states = Supervisor(stack).states()
    counted = (part.name for part in parts(stack, credentials.read(stack.secrets)) if part.group is not Group.PARTIES)
    used = {name: of_tree(states[name].pid) for name in counted if name in states and states[name].pid}
    return {**used, TOTAL: sum(used.values())}


def of_tree(pid: int) -> float:
    """User and system time of a process, its descendants, and those of them that have ended, seconds."""
    root = psutil.Process(pid)
    return sum(_of_process(process) for process in (root, *root.children(recursive=True)))


def _of_process(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # user, system, and both of the children that it has waited for
    except psutil.NoSuchProcess:  # its time is its parent's now
        return 0.0


def above(after: dict[str, float], before: dict[str, float], count: float) -> Costs:
    """What was used between two looks, for each of `count` calls or seconds, ms."""
    return {part: (after[part] - before[part]) * 1000 / count for part in before}


def without_idle(used: Costs, idle: Costs, seconds: float) -> Costs:
    """What is left without the cost of doing nothing for so many seconds; `idle` is that of one second."""
    return {part: cost - idle[part] * seconds for part, cost in used.items()}


def medians_of_parts(rounds: Sequence[Costs]) -> Costs:
    """The median of each part over some rounds."""
    return {part: statistics.median(costs[part] for costs in rounds) for part in rounds[0] if part != TOTAL}


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    if not values:
        return ""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
