"""Which alerts of `monitoring/rules` fire during a run, and whether each had its cause.

The metrics of all instances are read every few seconds, as a Prometheus would. After the run promtool evaluates the
shipped rules over what was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gates.monitoring import promtool, setup
from gates.monitoring.figures import groups, named_in, rules
from gates.monitoring.paths import rule_files
from tests.chaos import arrivals, layout
from tests.chaos.plan import Fault
from tests.support.real_stack import RealStack

EVERY_SECONDS = 5
_LOOK_EVERY_SECONDS = 15
_CALL_SECONDS = 3.0
_FIRING = re.compile(r"alertname: (\w+), time: (\w+)")

Series = Mapping[str, Sequence[float | None]]
"""A series as promtool names it (`name{label="value"}`) → its values, EVERY_SECONDS apart; None: not there."""

_ANYTHING_AWAY: frozenset[str] = frozenset(
    {"kill", "crash", "pause", "outage", "clock", "cut", "slow", "half-open", "read-only", "full-disk"}
)
_STRIPE_TROUBLE = _ANYTHING_AWAY | {
    *("stripe-slow", "stripe-drops", "stripe-busy", "stripe-unauthorized", "stripe-fails", "stripe-fails-after")
}
CAUSES: Mapping[str, frozenset[str]] = {
    "CallsRefused": frozenset({arrivals.CAUSE}),
    "OutboxIsOld": _ANYTHING_AWAY | {arrivals.CAUSE},
    "OutboxIsLong": _ANYTHING_AWAY | {arrivals.CAUSE},
    "ConsumerLags": _ANYTHING_AWAY | {"replay", arrivals.CAUSE},
    "ConsumerStandsStill": _ANYTHING_AWAY,
    "ConsumerStopped": frozenset({"poison"}),
    "DeadLetters": frozenset({"poison"}),
    "TailSteppedOver": frozenset({"poison"}),
    "OrderListsDrift": _ANYTHING_AWAY,
    "PaymentsFail": _STRIPE_TROUBLE | {"declined, and leaves it", "declined, then another card"},
    "PartyLeftAlone": _STRIPE_TROUBLE,
    "PaymentsStranded": frozenset({"disputes at the bank", "dashboard: a refund bounces", "refunds-bounce"}),
    "PaymentsDisputed": frozenset({"disputes at the bank"}),
    "EndedSessionsUnknown": _ANYTHING_AWAY,
    "EndedHoldsKept": _ANYTHING_AWAY,
    "MailsParked": _ANYTHING_AWAY,
    "AvailabilityBurnsFast": _STRIPE_TROUBLE | {arrivals.CAUSE},
    "AvailabilityBurnsSlowly": _STRIPE_TROUBLE | {arrivals.CAUSE},
    "LatencyBurnsFast": _STRIPE_TROUBLE | {arrivals.CAUSE},
    "LatencyBurnsSlowly": _STRIPE_TROUBLE | {arrivals.CAUSE},
    "ServiceDown": frozenset({"kill", "crash", "pause", "outage"}),
}
"""What may make an alert fire: kinds of faults, and what people do. An alert that is not named here has no cause in any
run: StockShort, OrdersStopped, StripeWebhooksNotUnderstood; those of the edge, whose statistics are not read."""


@dataclass(frozen=True)
class Looks:
    """What was read in each look. promtool believes that looks are EVERY_SECONDS apart; on a busy machine they last."""

    series: Series
    ended: Sequence[float]
    """At which second of the run each look was over."""

    def second(self, at: int) -> int:
        """The second of the run at which was read what promtool has at `at`."""
        return math.ceil(self.ended[min(at // EVERY_SECONDS, len(self.ended) - 1)])


@dataclass
class Watch:
    """Reads the metrics of all instances during a run; `now` is the second of the run."""

    stack: RealStack
    now: Callable[[], float]
    ended: list[float] = field(default_factory=list)
    _values: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Read from now on."""
        self._task = asyncio.create_task(self._run())

    @property
    def _look(self) -> int:
        """The number of the present look."""
        return len(self.ended)

    async def end(self) -> Looks:
        """All that was read. Raises what kept it from reading."""
        assert self._task is not None
        self._over.set()  # not cancelled: a connection that is being made would stay open
        await self._task
        series = {name: [at.get(look) for look in range(self._look)] for name, at in self._values.items()}
        return Looks(series, self.ended)

    async def _run(self) -> None:
        wanted = _metrics()
        async with httpx.AsyncClient(timeout=_CALL_SECONDS) as http:
            while not self._over.is_set():
                next_look = asyncio.get_running_loop().time() + EVERY_SECONDS
                await asyncio.gather(*(self._read(http, instance, wanted) for instance in layout.INSTANCES))
                self.ended.append(self.now())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(next_look):
                        await self._over.wait()

    async def _read(self, http: httpx.AsyncClient, instance: str, wanted: Collection[str]) -> None:
        job = instance.removesuffix(layout.TWIN_SUFFIX)
        own = {"job": job, "instance": instance}
        try:
            answer = await http.get(f"{layout.admin_url(self.stack.stack, instance)}/metrics")
        except httpx.TransportError:
            self._values[_series("up", own)][self._look] = 0
            return
        self._values[_series("up", own)][self._look] = 1
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name in wanted:
                    self._values[_series(sample.name, {**sample.labels, **own})][self._look] = sample.value


async def fired(looks: Looks) -> dict[str, list[int]]:
    """Alerts that fire over what was read → the seconds of the run at which they did."""
    found = await asyncio.to_thread(_fired, looks.series)
    return {alert: [looks.second(at) for at in times] for alert, times in found.items()}


def without_cause(
    firing: Mapping[str, Sequence[int]], happened: Sequence[tuple[float, Fault]], done: Counter[str]
) -> list[str]:
    """Alerts that nothing explains which was done before them, a sentence each."""
    return [
        f"the alert {alert} fires after {seconds[0]} s, and nothing that causes it happened before"
        for alert, seconds in firing.items()
        if seconds and not _caused(alert, seconds[0], happened, done)
    ]


def _caused(alert: str, at: int, happened: Sequence[tuple[float, Fault]], done: Counter[str]) -> bool:
    causes = CAUSES.get(alert, frozenset())
    by_fault = any(fault.kind in causes and began <= at for began, fault in happened)
    return by_fault or any(done[cause] for cause in causes)


def _fired(series: Series) -> dict[str, list[int]]:
    looks = max(map(len, series.values()), default=0)
    if not looks:
        return {}
    if setup.main():
        raise RuntimeError("promtool cannot be built")
    names = [rule["alert"] for rule in rules(rule_files()) if "alert" in rule]
    times = range(0, looks * EVERY_SECONDS, _LOOK_EVERY_SECONDS)
    trial = {
        "rule_files": [str(file) for file in rule_files()],
        # An alert sees the objectives from the first evaluation on.
        "group_eval_order": [group["name"] for group in groups(rule_files())],
        "evaluation_interval": f"{_LOOK_EVERY_SECONDS}s",
        "tests": [
            {
                "interval": f"{EVERY_SECONDS}s",
                "input_series": [{"series": name, "values": _values(values)} for name, values in series.items()],
                "alert_rule_test": [{"eval_time": f"{at}s", "alertname": name} for at in times for name in names],
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "run.yaml")
        file.write_text(yaml.safe_dump(trial), encoding="utf-8")
        problems = promtool.try_rules([file])  # it is expected that nothing fires: what it finds wrong is what does
    found: dict[str, list[int]] = defaultdict(list)
    for name, at in _FIRING.findall(problems):
        found[name].append(_seconds(at))
    if problems and not found:
        raise RuntimeError(f"promtool cannot read the run's metrics: {problems[:500]}")
    return {name: sorted(set(times)) for name, times in found.items()}


def _metrics() -> frozenset[str]:
    """Every metric that a rule reads."""
    return frozenset(name for rule in rules(rule_files()) for name in named_in(rule["expr"]))


def _series(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{', '.join(f'{key}={_quoted(labels[key])}' for key in sorted(labels))}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _values(values: Sequence[float | None]) -> str:
    return " ".join("_" if value is None else f"{value:g}" if value == int(value) else f"{value:f}" for value in values)


def _seconds(text: str) -> int:
    """promtool's way to write a duration: 1m30s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"(\d+)([hms])", text)
