"""One purchase is one trace, from the edge over the bus to the last who hears of it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from local.paths import BIN
from local.traces.spans import Kept
from services.chassis.plain import trace_context
from tests.support import traces
from tests.support.parts import Parts
from tests.support.real_stack import RealStack
from tests.support.shop import DECLINED, VISA, Customer, Json, an_order, answered, until
from tests.support.traces import Edge

CALLS = {
    Edge("edge", "rpc", "order"),
    Edge("order", "rpc", "inventory"),
    Edge("edge", "rpc", "payment"),
    Edge("payment", "rpc", "order"),
    Edge("payment", "http", "stripe"),
}
BUS = {
    Edge("order", "order-events", "notification"),
    Edge("payment", "payment-events", "order"),
    Edge("order", "order-events", "inventory"),
    Edge("order", "order-events", "payment"),
}
STORES = {
    Edge("order", "query", "mongodb"),
    Edge("payment", "query", "postgresql"),
    Edge("inventory", "query", "postgresql"),
    Edge("notification", "query", "postgresql"),
}


async def purchase(customer: Customer, card: str, status: str) -> tuple[str, Json]:
    """Order and pay as a shop's page does that begins a trace for it; the trace's id, and the order.

    Stripe's webhook waits: when it is there before Stripe's answer is, it sets off the rest, in a trace of its own.
    """
    await customer.shop.sandbox.control(webhooks_stopped=True)
    traceparent = trace_context.new()
    headers = {"traceparent": traceparent}
    order = answered(await customer.call("POST", "/orders", an_order(), headers=headers), 201)
    body = {"orderId": order["id"], "paymentMethodId": card}
    answered(await customer.call("POST", "/payments", body, headers=headers), 201)
    await customer.until_order_is(order, status)
    await customer.shop.sandbox.behave()
    return trace_context.trace_id(traceparent), order


@pytest.fixture(scope="module")
async def bought(stack: RealStack, customer: Customer) -> tuple[list[Kept], Json]:
    """A purchase's spans, and its order."""
    trace_id, order = await purchase(customer, VISA, "confirmed")

    def complete(found: list[Kept]) -> bool:
        return steps(stack, found) >= CALLS | BUS | STORES

    return await traces.until_traced(stack, trace_id, complete, "all steps of a purchase"), order


def steps(stack: RealStack, found: list[Kept]) -> set[Edge]:
    return traces.edges(found, stripe_port=stack.stack.port("stripe"))


def test_who_calls_and_feeds_whom_in_a_purchase(stack: RealStack, bought: tuple[list[Kept], Json]) -> None:
    found = steps(stack, bought[0])
    assert {edge for edge in found if edge.how in ("rpc", "http")} == CALLS
    assert found >= BUS | STORES


def test_every_span_but_the_edges_first_ones_was_caused_by_another(bought: tuple[list[Kept], Json]) -> None:
    spans = bought[0]
    known = {span["spanId"] for span in spans}
    first = [span for span in spans if span["parentSpanId"] not in known]
    assert [(span["service"], span["kind"]) for span in first] == [("edge", "server")] * 2
    # Both have the page's own span as parent.
    assert len({span["parentSpanId"] for span in first}) == 1
    assert first[0]["parentSpanId"] != ""


def test_spans_of_requests_have_caller_and_sizes(bought: tuple[list[Kept], Json], customer: Customer) -> None:
    servers = [span for span in bought[0] if span["kind"] == "server"]
    (create,) = [span for span in servers if span["name"] == "argosy.order.v1.OrderService/CreateOrder"]
    assert create["attributes"]["user.id"] == customer.id
    assert create["attributes"]["http.request.body.size"] > 0
    assert create["attributes"]["http.response.body.size"] > 0
    assert create["attributes"]["user.action"] == "CreateOrder"
    (look_up,) = [span for span in servers if span["attributes"].get("rpc.method") == "LookUpOrder"]
    assert look_up["attributes"]["argosy.caller"] == "payment"
    for span in servers:
        if span["service"] == "edge":
            assert span["attributes"]["user.id"] == customer.id
            assert int(span["attributes"]["http.request.body.size"]) > 0
            assert int(span["attributes"]["http.response.body.size"]) > 0


async def test_logs_name_the_same_trace(stack: RealStack, bought: tuple[list[Kept], Json]) -> None:
    trace_id = bought[0][0]["traceId"]
    for service in ("order", "payment", "inventory"):
        lines = (stack.stack.logs / f"{service}.log").read_text().splitlines()
        calls = [json.loads(line) for line in lines if trace_id in line]
        assert any(line["trace_id"] == trace_id and line["event"] == "call" for line in calls), service

    async def at_the_edge() -> list[str]:
        lines = (stack.stack.logs / "edge.log").read_text().splitlines()
        return [json.loads(line)["route"] for line in lines if trace_id in line]

    # Envoy writes its log once a second.
    routes = await until(at_the_edge, lambda found: len(found) >= 2, "the edge's lines")
    assert set(routes) >= {"order.CreateOrder", "payment.CreatePayment"}


def test_argosy_trace_draws_the_purchase(stack: RealStack, bought: tuple[list[Kept], Json]) -> None:
    spans, order = bought
    drawn = argosy_trace(stack, order["id"], "--queries")
    for text in (spans[0]["traceId"], "edge POST order.CreateOrder", "order process payment-events PAYMENT_CONFIRMED"):
        assert text in drawn
    printed = json.loads(argosy_trace(stack, spans[0]["traceId"], "--json"))
    assert printed["trace"] == spans[0]["traceId"]
    assert [root["name"] for root in printed["roots"]] == ["POST order.CreateOrder", "POST payment.CreatePayment"]


async def test_a_refused_card_is_no_error_of_ours(stack: RealStack, customer: Customer) -> None:
    trace_id, _ = await purchase(customer, DECLINED, "cancelled")
    released = Edge("order", "order-events", "inventory")
    spans = await traces.until_traced(
        stack, trace_id, lambda found: released in steps(stack, found), "a cancelled purchase's steps"
    )
    wrong = {(span["service"], span["kind"]) for span in spans if span["status"] == "error"}
    assert wrong <= {("payment", "client")}  # Stripe's 402


async def test_a_collector_that_is_away_keeps_nobody_from_buying(stack: RealStack, customer: Customer) -> None:
    parts = Parts(stack)
    killed = await parts.kill("traces")
    await purchase(customer, VISA, "confirmed")
    await parts.until_back("traces", killed)
    trace_id, _ = await purchase(customer, VISA, "confirmed")
    await traces.until_traced(stack, trace_id, lambda found: steps(stack, found) >= CALLS, "spans after the collector")


def argosy_trace(stack: RealStack, *arguments: str) -> str:
    done = subprocess.run(
        [BIN / "argosy", "trace", *arguments],
        env=dict(os.environ) | stack.stack.environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
