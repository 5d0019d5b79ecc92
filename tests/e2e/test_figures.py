"""Every figure that rules and dashboards name is measured by a running service or the edge, or recorded by a rule."""

from __future__ import annotations

import re

import httpx
from prometheus_client.parser import text_string_to_metric_families

from gates.monitoring.dashboards import expressions, read
from gates.monitoring.figures import named_in, rules
from gates.monitoring.paths import dashboard_files, rule_files
from local.ports import SERVICES
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, until

BY_PROMETHEUS = {"up"}
OF_OTHER_EDGES = {"envoy_cluster_ratelimit_over_limit"}
"""Only with RATE_LIMIT_SERVICE: integration/edge/test_shared_limits."""
BUCKETS = {"0.1", "0.5", "1.0", "2.0", "5.0"}


async def measured(stack: RealStack) -> dict[str, list[dict[str, str]]]:
    """Labels of all series of all services, by name."""
    found: dict[str, list[dict[str, str]]] = {}
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            text = (await http.get(f"{stack.admin_url(service)}/metrics")).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append(sample.labels)
    return found


async def measured_by_edge(stack: RealStack) -> set[str]:
    """Names of all series of the edge."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{stack.admin_url('edge')}/stats/prometheus")).text
    return set(re.findall(r"^(envoy_\w+)\{", text, flags=re.MULTILINE))


async def test_every_figure_that_is_asked_for_is_there(stack: RealStack, customer: Customer) -> None:
    order = await customer.order()
    await customer.pay(order)
    await customer.until_order_is(order, "confirmed")
    written = list(rules(rule_files()))
    asked = [rule["expr"] for rule in written]
    asked += [expression for path in dashboard_files() for expression in expressions(read(path))]
    wanted = {name for expression in asked for name in named_in(expression)}
    recorded = {rule["record"] for rule in written if "record" in rule}

    async def missing() -> set[str]:
        found = (await measured(stack)).keys() | await measured_by_edge(stack)
        return wanted - recorded - BY_PROMETHEUS - OF_OTHER_EDGES - found

    # Lag and mails are measured every few seconds.
    assert await until(missing, lambda names: not names, "every figure") == set()


async def test_the_figures_of_the_contract(stack: RealStack, customer: Customer) -> None:
    await customer.call("GET", "/users/me")
    found = await measured(stack)
    durations = [one for one in found["http_request_duration_seconds_bucket"] if one["route"] == "/api/v1/users/{id}"]
    assert {one["le"] for one in durations} >= BUCKETS
    assert {"method", "route", "status"} <= durations[0].keys()
    assert {one["status"] for one in found["orders_total"]} == {
        "created", "confirmed", "shipped", "delivered", "cancelled",
    }  # fmt: skip
    payments = {(one["status"], one["provider"]) for one in found["payments_total"]}
    assert payments >= {("succeeded", "stripe"), ("failed", "stripe")}
    assert {one["topic"] for one in found["argosy_dead_letters_total"]} >= {"order-events", "payment-events"}
    assert set(map(str, (one["group"] for one in found["argosy_consumer_stopped"]))) >= {"order-service-group"}
