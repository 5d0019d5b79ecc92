"""What an edge has counted of its refusals, by the counters that monitoring/rules/edge.yaml names for each reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from gates.monitoring.figures import rules
from gates.monitoring.paths import RULES
from tests.integration.edge.harness import Edge

_SELECTOR = re.compile(r"(envoy_\w+)(?:\{([^}]*)\})?\[5m\]")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_SAMPLE = re.compile(r"(\w+)\{(.*)\} (\d+)")
_OF_EDGE = {"envoy_http_conn_manager_prefix": "edge"}


@dataclass(frozen=True)
class _Selector:
    name: str
    labels: Mapping[str, str]


_REQUESTS = {
    "received": [_Selector("envoy_http_downstream_rq_total", _OF_EDGE)],
    "forwarded": [_Selector("envoy_http_rq_total", _OF_EDGE)],
}


def reasons() -> dict[str, list[_Selector]]:
    """Reason → the counters that its rule adds up. OTHER has none: it is what the counters leave."""
    found = {}
    for rule in rules([RULES / "edge.yaml"]):
        reason = rule.get("labels", {}).get("reason")
        if "record" in rule and reason not in (None, "OTHER"):
            found[reason] = [
                _Selector(name, dict(_LABEL.findall(labels))) for name, labels in _SELECTOR.findall(rule["expr"])
            ]
    return found


async def counted(edge: Edge) -> Counter[str]:
    """Reason → refusals of a running edge so far, with the requests that it has `received` and `forwarded`."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{edge.admin_port}/stats/prometheus")).text
    wanted = reasons() | _REQUESTS
    found: Counter[str] = Counter()
    for name, labels, value in _SAMPLE.findall(text):
        sample = _Selector(name, dict(_LABEL.findall(labels)))
        for reason, selectors in wanted.items():
            if any(one.name == name and one.labels.items() <= sample.labels.items() for one in selectors):
                found[reason] += int(value)
    return found
