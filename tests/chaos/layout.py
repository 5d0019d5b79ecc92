"""The system under attack: the laptop's parts, two instances of every service, and a link in front of each party."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from facts.service import target_setting
from facts.system import system
from local import topology
from local.credentials import Credentials
from local.health import answering_at
from local.layout import Layout
from local.part import Part
from local.ports import HOST, SERVICES
from local.stack import Stack
from services.chassis.plain.crash_points import VARIABLE
from tests.chaos import clocks
from tests.chaos.network import Link
from tests.support import crash_points

TWIN_SUFFIX = "-2"
_TWIN_PORTS = 200
"""The second instance's ports lie so far above the first one's."""
_FIRST_LINK = 14_600
"""Ports of links, before the stack's offset is added."""
_KAFKA_BESIDE = 100

_COMPARES = {"COMPARE_EVERY_SECONDS": "2", "COMPARE_SETTLED_SECONDS": "10"}

TIMERS = {
    "order": {"UNPAID_AFTER_SECONDS": "25", "SWEEP_EVERY_SECONDS": "3", **_COMPARES},
    "payment": {
        "CHALLENGE_TIMEOUT_SECONDS": "15",
        "STRIPE_LEAVE_ALONE_SECONDS": "3",
        "STRIPE_TIMEOUT_SECONDS": "2",
        "STRIPE_SEARCH_LAG_SECONDS": "5",
        **_COMPARES,
    },
    "stripe": {"STRIPE_SANDBOX_SEARCH_LAG_SECONDS": "3"},
    # Paid orders hold their stock for as long as the bus is away: they would count as unpaid.
    "inventory": {
        "HOLD_SECONDS": "35",
        "EXPIRE_EVERY_SECONDS": "2",
        "UNPAID_ORDERS_PER_CUSTOMER": "1000",
        **_COMPARES,
    },
    "notification": {"SMTP_LEAVE_ALONE_SECONDS": "3", **_COMPARES},
    "edge": {"RATE_LIMIT_MULTIPLIER": "1000"},
}
"""A purchase's hours in seconds, so that an outage longer than any of them fits a run."""
HOLD_SECONDS = 35.0


@dataclass(frozen=True)
class _Pair:
    """Who calls whom, and which of the caller's settings has the address."""

    service: str
    setting: str
    party: str
    port: str
    """The name of the party's port in the stack's table."""


_PAIRS = (
    *(_Pair(one.name, one.store_setting, "postgres", "postgres") for one in system().with_store("postgres")),
    *(_Pair(one.name, one.store_setting, "ferretdb", "ferretdb") for one in system().with_store("mongo")),
    *(_Pair(service, "KAFKA_BOOTSTRAP_SERVERS", "kafka", "kafka") for service in SERVICES),
    *(
        _Pair(one.name, setting, party, port)
        for party, setting, port in (("stripe", "STRIPE_API_URL", "stripe"), ("smtp", "SMTP_URL", "mail-smtp"))
        for one in system().services
        if setting in {*one.settings, *one.secrets}
    ),
)
_CALLS = tuple((caller, target_setting(called), called) for caller in SERVICES for called in system().calls(caller))
"""Calls between services: caller, its setting, who is called."""

LINKS = (
    "kafka",
    *(f"{pair.service}-{pair.party}" for pair in _PAIRS if pair.party != "kafka"),
    *(f"{caller}-{called}" for caller, _, called in _CALLS),
)
"""Every link's name."""


def links(stack: Stack) -> dict[str, Link]:
    """Every link by name; Kafka has one for all, since its clients use the address that the broker advertises."""
    found: dict[str, Link] = {}
    for name, targets in _targets(stack):
        found[name] = Link(name, stack.offset + _FIRST_LINK + len(found), targets)
    return found


def _targets(stack: Stack) -> Iterator[tuple[str, Sequence[int]]]:
    yield "kafka", [stack.port("kafka") + _KAFKA_BESIDE]
    for pair in _PAIRS:
        if pair.party != "kafka":
            yield f"{pair.service}-{pair.party}", [stack.port(pair.port)]
    for caller, _, called in _CALLS:
        port = stack.port(f"{called}-grpc")
        yield f"{caller}-{called}", [port, port + _TWIN_PORTS]


def parts(stack: Stack, secrets: Credentials) -> Sequence[Part]:
    """The stack's parts, each service twice and behind its links."""
    return [changed for part in topology.parts(stack, secrets) for changed in _changed(stack, part)]


def _changed(stack: Stack, part: Part) -> Iterator[Part]:
    environment = {**part.environment, **TIMERS.get(part.name, {})}
    if part.name == "kafka":
        ((beside,), listen) = links(stack)["kafka"].targets, links(stack)["kafka"].listen
        yield replace(part, environment={**environment, "KAFKA_LISTENER_BESIDE": f"{HOST}:{beside},{HOST}:{listen}"})
    elif part.name == "edge":
        both = {f"{name.upper()}_TARGET": _both(stack, name) for name in SERVICES}
        yield replace(part, environment={**environment, **both})
    elif part.name in SERVICES:
        behind = {**environment, **dict(_behind_links(stack, part.name, environment))}
        there = {**behind, **clocks.environment(stack, part.name)}
        yield _with_crash_points(stack, replace(part, environment=there))
        yield _with_crash_points(stack, _twin(stack, part, behind))
    else:
        yield replace(part, environment=environment)


def _twin(stack: Stack, part: Part, environment: Mapping[str, str]) -> Part:
    grpc, admin = (stack.port(f"{part.name}-{port}") + _TWIN_PORTS for port in ("grpc", "admin"))
    return replace(
        part,
        name=f"{part.name}{TWIN_SUFFIX}",
        ready=lambda _: answering_at(HOST, admin, "/health"),
        ports=(),
        environment={
            **environment,
            **clocks.environment(stack, f"{part.name}{TWIN_SUFFIX}"),
            "GRPC_PORT": str(grpc),
            "ADMIN_PORT": str(admin),
        },
    )


def _with_crash_points(stack: Stack, part: Part) -> Part:
    place = crash_points.directory(stack, part.name).path
    return replace(part, environment={**part.environment, VARIABLE: str(place)})


def _both(stack: Stack, service: str) -> str:
    port = stack.port(f"{service}-grpc")
    return f"{HOST}:{port},{HOST}:{port + _TWIN_PORTS}"


def _behind_links(stack: Stack, service: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    found = links(stack)
    for pair in _PAIRS:
        if pair.service == service:
            link = found["kafka" if pair.party == "kafka" else f"{service}-{pair.party}"]
            yield pair.setting, environment[pair.setting].replace(stack.address(pair.port), f"{HOST}:{link.listen}")
    for caller, setting, called in _CALLS:
        if caller == service and setting in environment:
            yield setting, f"{HOST}:{found[f'{caller}-{called}'].listen}"


def admin_url(stack: Stack, instance: str) -> str:
    """The admin address of an instance, such as `order-2`."""
    service, twin, _ = instance.partition(TWIN_SUFFIX)
    return f"http://{HOST}:{stack.port(f'{service}-admin') + (_TWIN_PORTS if twin else 0)}"


INSTANCES = tuple(f"{service}{suffix}" for service in SERVICES for suffix in ("", TWIN_SUFFIX))
"""Every process of a service."""

LAYOUT = Layout(parts, lambda stack: f"The system under attack is up: {stack.url('edge')}")
