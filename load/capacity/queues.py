"""A discrete-event simulation of jobs that queue for limited parts, and the formulas of queueing theory to test it.

A job is a list of steps: it takes a unit of a part (a core, a process, a connection, a partition), works, and gives it
back. It may hold several units at once, as a transaction holds its connection while it waits for a core. Units are
taken in the order in which they were asked for. Durations of work are exponential; arrivals are a Poisson process.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_WARM_UP = 0.1
"""The share of the first jobs that is not counted: the system starts empty."""


@dataclass(frozen=True)
class Take:
    """Wait for a unit of a part. `split`: a unit chosen by the job's key, even if another is free."""

    part: str
    split: bool = False


@dataclass(frozen=True)
class Give:
    """Give the unit back."""

    part: str


@dataclass(frozen=True)
class Work:
    """Continue after an exponential time with this mean, ms."""

    mean: float


@dataclass(frozen=True)
class Mark:
    """Note how long the job has taken until here."""

    name: str


Step = Take | Give | Work | Mark


def use(part: str, mean: float, *, split: bool = False) -> list[Step]:
    """Work that holds a unit of one part, ms."""
    return [Take(part, split), Work(mean), Give(part)]


@dataclass(frozen=True)
class Result:
    """What a simulation has seen."""

    utilisation: Mapping[str, float]
    """Part → the share of its units that was taken, on average."""
    times: Mapping[str, Sequence[float]]
    """Mark → how long each job took to reach it, ms, sorted."""

    def percentile(self, mark: str, share: float) -> float:
        """A percentile of the times at a mark, ms."""
        times = self.times[mark]
        return times[min(len(times) - 1, int(share * len(times)))]


@dataclass
class _Units:
    """Units that share one queue."""

    free: int
    waiting: deque[_Job] = field(default_factory=deque)


@dataclass
class _Job:
    number: int
    arrived: float
    step: int = 0
    held: dict[str, _Units] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)


def simulate(steps: Sequence[Step], units: Mapping[str, int], rate: float, jobs: int, seed: int = 1) -> Result:
    """Let jobs arrive, `rate` a second, each with these steps. The same seed gives the same result.

    Raises KeyError if `units` lacks a part.
    """
    return _Simulation(steps, units, rate, jobs, seed).run()


class _Simulation:
    def __init__(self, steps: Sequence[Step], units: Mapping[str, int], rate: float, jobs: int, seed: int) -> None:
        self._steps = steps
        self._random = random.Random(seed)  # noqa: S311 (a simulation)
        splits = {step.part for step in steps if isinstance(step, Take) and step.split}
        used = {step.part: units[step.part] for step in steps if isinstance(step, Take)}
        self._units = {
            part: [_Units(1) for _ in range(count)] if part in splits else [_Units(count)]
            for part, count in used.items()
        }
        self._counts = used
        self._busy = dict.fromkeys(used, 0.0)
        self._times: dict[str, list[float]] = {step.name: [] for step in steps if isinstance(step, Mark)}
        self._jobs, self._gap = jobs, 1000 / rate
        self._order = itertools.count()
        self._events: list[tuple[float, int, _Job]] = []
        self._begins = self._ends = 0.0

    def run(self) -> Result:
        now = 0.0
        for number in range(self._jobs):
            now += self._random.expovariate(1 / self._gap)
            if number == int(_WARM_UP * self._jobs):
                self._begins = now
            self._at(now, _Job(number, now))
        self._ends = now
        while self._events:
            now, _, job = heapq.heappop(self._events)
            self._advance(job, now)
        measured = self._ends - self._begins
        return Result(
            {part: busy / measured / self._counts[part] for part, busy in self._busy.items()},
            {name: sorted(times) for name, times in self._times.items()},
        )

    def _at(self, time: float, job: _Job) -> None:
        heapq.heappush(self._events, (time, next(self._order), job))

    def _advance(self, job: _Job, now: float) -> None:
        """Take the job through its steps until it waits."""
        while job.step < len(self._steps):
            step = self._steps[job.step]
            job.step += 1
            if isinstance(step, Work):
                self._at(now + self._random.expovariate(1 / step.mean) if step.mean else now, job)
                return
            if isinstance(step, Take):
                if not self._take(step.part, job, now):
                    return
            elif isinstance(step, Give):
                self._give(step.part, job, now)
            elif job.number >= _WARM_UP * self._jobs:
                self._times[step.name].append(now - job.arrived)

    def _take(self, part: str, job: _Job, now: float) -> bool:
        queues = self._units[part]
        units = queues[self._random.randrange(len(queues))] if len(queues) > 1 else queues[0]
        job.held[part] = units
        if units.free:
            units.free -= 1
            job.since[part] = now
            return True
        units.waiting.append(job)
        return False

    def _give(self, part: str, job: _Job, now: float) -> None:
        begun, ended = max(job.since[part], self._begins), min(now, self._ends)
        self._busy[part] += max(0.0, ended - begun)
        units = job.held[part]
        if units.waiting:
            following = units.waiting.popleft()
            following.since[part] = now
            self._at(now, following)
        else:
            units.free += 1


def waits(servers: int, load: float) -> float:
    """Erlang's C formula: the probability that a job of M/M/c has to wait. `load` is rate x mean work, < `servers`."""
    term = total = 1.0
    for number in range(1, servers):
        term *= load / number
        total += term
    last = term * load / servers * servers / (servers - load)
    return last / (total + last)


def mean_wait(servers: int, rate: float, mean: float) -> float:
    """The mean time that a job of M/M/c waits, ms; `rate` a second, `mean` work in ms. Infinite if overloaded."""
    load = rate * mean / 1000
    if load >= servers:
        return math.inf
    return waits(servers, load) * mean / (servers - load)
