"""What lights up on the map."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from facts.system import system
from local.stack import Stack
from playground import sparks
from playground.plan import plan
from playground.watching.bus import status_in
from playground.watching.calls import calls_in
from playground.watching.stories import lines_of
from services.chassis.data.story import Kind, Moment

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def arrows(found: object) -> list[tuple[str, str, str]]:
    return [(one.source, one.target, one.look) for one in found]  # type: ignore[attr-defined]


def call(service: str, rpc: str, caller: str | None, code: str = "OK") -> str:
    entry = {"event": "call", "service": service, "rpc": f"/argosy.x.v1.X/{rpc}", "code": code, "caller": caller}
    return json.dumps(entry, separators=(",", ":"))


def test_a_customers_call_passes_the_edge() -> None:
    found = calls_in([call("order", "PlaceOrder", "01a2274c-fb85-7000-9535-16b19a70cb5d")])
    assert arrows(found) == [("customers", "edge", "call"), ("edge", "order", "call")]


def test_a_call_of_a_service_goes_straight_to_the_other() -> None:
    assert arrows(calls_in([call("inventory", "ReserveStock", "service:order")])) == [("order", "inventory", "call")]


def test_a_webhook_comes_from_stripe() -> None:
    found = calls_in([call("payment", "HandleStripeWebhook", None)])
    assert arrows(found) == [("stripe", "edge", "call"), ("edge", "payment", "call")]


def test_a_failed_call_is_shown_as_one() -> None:
    (first, _) = calls_in([call("order", "GetOrder", None, "UNAVAILABLE")])
    assert (first.look, first.text) == ("bad", "GetOrder UNAVAILABLE")


def test_lines_that_are_no_calls_are_passed_over() -> None:
    assert calls_in(["", "no json", '{"event":"call"', '{"event":"drift"}']) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"topic": "order-events", "type": "ORDER_CREATED", "source": "/argosy/order"}, ("order", "kafka", "event")),
        ({"topic": "order-events", "type": None, "unreadable": "NotAnEvent"}, ("order", "kafka", "event")),
        ({"topic": "order-events.dlq", "type": None}, ("kafka", "kafka", "bad")),
    ],
)
def test_an_event_goes_from_its_publisher_to_the_bus(row: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert arrows(sparks.of_event(row)) == [expected]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (Moment(AT, "order", Kind.EVENT, "ORDER_CREATED"), [("order", "order-store", "data")]),
        (
            Moment(AT, "inventory", Kind.HANDLED, "ORDER_STATUS_UPDATED"),
            [("kafka", "inventory", "event"), ("inventory", "inventory-store", "data")],
        ),
        (Moment(AT, "payment", Kind.LEDGER, "capture 29.99 USD"), [("payment", "payment-store", "money")]),
        (
            Moment(AT, "payment", Kind.PAYMENT, "attempt 1 at the provider: succeeded"),
            [("payment", "stripe", "money")],
        ),
        (Moment(AT, "payment", Kind.PAYMENT, "payment of 29.99 USD begins"), []),
        (Moment(AT, "notification", Kind.MAIL, "message order_confirmed is sent"), [("notification", "mail", "mail")]),
        (Moment(AT, "notification", Kind.MAIL, "message order_confirmed is written"), []),
        (Moment(AT, "order", Kind.CALL, "PlaceOrder OK"), []),
        (Moment(AT, "order", Kind.PUBLISHED, "ORDER_CREATED"), []),
    ],
)
def test_a_moment_lights_up_what_it_passed(moment: Moment, expected: list[tuple[str, str, str]]) -> None:
    assert arrows(sparks.of_moment(moment)) == expected


def test_everything_that_sparks_pass_is_on_the_map(tmp_path: object) -> None:
    drawn = plan(system(), Stack(tmp_path, 0))  # type: ignore[arg-type]
    nodes = {"customers", "edge", "kafka"}
    for one in drawn["services"]:
        nodes |= {one["id"], *one["parties"]} | ({one["store"]["id"]} if one["store"] else set())
    assert {"stripe", "mail", "order-store", "payment-store", *system().names} <= nodes


def test_the_status_of_an_order_is_in_its_events() -> None:
    assert status_in("ORDER_CREATED", {"orderId": "x"}) == "pending"
    assert status_in("ORDER_STATUS_UPDATED", {"status": "confirmed"}) == "confirmed"


def test_a_line_has_the_gap_since_the_last_one_and_what_is_expected_is_ahead() -> None:
    moments = [
        Moment(AT, "order", Kind.EVENT, "ORDER_CREATED"),
        Moment(AT + timedelta(milliseconds=12), "order", Kind.PUBLISHED, "ORDER_CREATED"),
        Moment(AT + timedelta(minutes=15), "inventory", Kind.WAITING, "the hold ends"),
    ]
    found = lines_of(moments, AT + timedelta(seconds=1))
    assert [line["gap"] for line in found] == ["", "+12 ms", "+15.0 min"]
    assert [line["ahead"] for line in found] == [False, False, True]
