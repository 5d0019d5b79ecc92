"""What lights up on the map: an arrow for each call, event and moment of a story. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playground.plan import BUS, CUSTOMERS, store_of
from services.chassis.bus.dead_letters import SUFFIX
from services.chassis.data.story import Kind, Moment

EDGE = "edge"
STRIPE = "stripe"
MAIL = "mail"
_OF_SERVICE = "service:"
_TOPIC = "-events"
"""What follows a service's name in that of its topic."""
_WEBHOOK = "HandleStripeWebhook"


@dataclass(frozen=True)
class Spark:
    """Something passes from one node to another. `look` is call, event, data, money, mail or bad."""

    source: str
    target: str
    look: str
    text: str


def of_call(service: str, facts: Mapping[str, Any]) -> Iterator[Spark]:
    """A call that a service has answered, from its log."""
    rpc, code = str(facts.get("rpc", "")).rpartition("/")[2], str(facts.get("code", ""))
    caller = str(facts.get("caller") or "")
    look = "call" if code == "OK" else "bad"
    text = rpc if code == "OK" else f"{rpc} {code}"
    if caller.startswith(_OF_SERVICE):
        yield Spark(caller.removeprefix(_OF_SERVICE), service, look, text)
        return
    yield Spark(STRIPE if rpc == _WEBHOOK else CUSTOMERS, EDGE, look, text)
    yield Spark(EDGE, service, look, text)


def of_event(row: Mapping[str, Any]) -> Iterator[Spark]:
    """A record on the bus, as `cli.tail.event_row` returns it."""
    topic = str(row["topic"])
    text = str(row.get("type") or "?")
    if topic.endswith(SUFFIX):
        yield Spark(BUS, BUS, "bad", f"dead letter: {text}")
    else:
        yield Spark(topic.removesuffix(_TOPIC), BUS, "event", text)


def of_moment(moment: Moment) -> Iterator[Spark]:
    """A moment of a story. Calls and published events are not here: the log and the bus show them for every order."""
    service, text = moment.service, moment.text
    if moment.kind is Kind.HANDLED:
        yield Spark(BUS, service, "event", text)
    if moment.kind in (Kind.EVENT, Kind.HANDLED, Kind.STOCK, Kind.LEDGER):
        yield Spark(service, store_of(service), "money" if moment.kind is Kind.LEDGER else "data", text)
    if moment.kind is Kind.PAYMENT and "at the provider" in text:
        yield Spark(service, STRIPE, "money", text)
    if moment.kind is Kind.MAIL and " is sent" in text:
        yield Spark(service, MAIL, "mail", text)
