"""What must hold of the parts at rest: ready, no breaker open, no consumer stopped or behind, no outbox with a rest."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos import layout, stacks
from tests.support.real_stack import RealStack

_CALL_SECONDS = 10.0
_ZERO = ("argosy_consumer_stopped", "argosy_circuit_breaker_state", "argosy_outbox_pending", "argosy_consumer_lag")
STRANDED = "argosy_payments_stranded"
"""What the alert PaymentsStranded reads."""


async def at_rest(stack: RealStack, stranded: Mapping[str, int], patience: float) -> list[str]:
    """What of the parts is not as it must be when nothing happens, after a while to get there.

    stranded: payments that need a person, by reason: what the alert's metric must show.
    patience: seconds.
    """
    give_up = time.monotonic() + patience
    async with httpx.AsyncClient(timeout=_CALL_SECONDS) as http:
        while True:
            metrics: dict[str, str] = {}
            wrong: list[str] = []
            silent: list[str] = []
            for instance in layout.INSTANCES:
                try:
                    metrics[instance], problems = await _look(http, stack, instance)
                except httpx.TransportError as error:
                    problems = [f"{instance} does not answer: {error!r}"]
                    silent.append(instance)
                wrong += problems
            wrong += [*restless(metrics), *unalarmed(metrics, stranded)]
            if not wrong or time.monotonic() > give_up:
                for instance in silent:
                    await stacks.show(stack, instance)
                return wrong
            await asyncio.sleep(1)


async def _look(http: httpx.AsyncClient, stack: RealStack, instance: str) -> tuple[str, list[str]]:
    """An instance's metrics, and whether it is not ready. Raises httpx.TransportError."""
    url = layout.admin_url(stack.stack, instance)
    health, metrics = await http.get(f"{url}/health"), await http.get(f"{url}/metrics")
    return metrics.text, [] if health.status_code == 200 else [f"{instance} is not ready: {health.text}"]


def restless(metrics: Mapping[str, str]) -> Iterator[str]:
    """What is not 0 and should be, by the metrics of each instance."""
    for instance, text in metrics.items():
        for family in text_string_to_metric_families(text):
            if family.name in _ZERO:
                for sample in family.samples:
                    if sample.value != 0:
                        yield f"{instance}: {sample.name}{sample.labels} is {sample.value:g}"


def unalarmed(metrics: Mapping[str, str], stranded: Mapping[str, int]) -> Iterator[str]:
    """Payments that need a person and that the alert does not see, or sees though there are none."""
    shown: dict[str, float] = defaultdict(float)
    for text in metrics.values():
        for family in text_string_to_metric_families(text):
            if family.name == STRANDED:
                for sample in family.samples:
                    reason = sample.labels["reason"]
                    shown[reason] = max(shown[reason], sample.value)
    for reason in shown.keys() | stranded.keys():
        if shown[reason] != stranded.get(reason, 0):
            there = stranded.get(reason, 0)
            yield f"{there} payments need a person ({reason}), and the alert's metric shows {shown[reason]:g}"
