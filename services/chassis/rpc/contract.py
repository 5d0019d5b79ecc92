"""Reads the options of the contract's rpcs and events: access, deadlines, rate limits, routes.

The options are `argosy.policy.v1`, `google.api.http` (HTTP binding) and protobuf's `idempotency_level` (whether a call
may be repeated). Services read them at start; code generation reads them for the whole contract. Missing or
contradictory options raise ContractError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)
from google.protobuf.duration_pb2 import Duration

from argosy.policy.v1 import policy_pb2

OURS = "argosy/"
REQUEST_BYTES = 256 * 1024
"""The default of `max_request_bytes`."""
MOST_IN_FLIGHT = 256
"""The default limit of concurrent calls of one rpc."""
MOST_REQUEST_BYTES = 10 * 1024 * 1024
"""The limit of `max_request_bytes`."""


class ContractError(Exception):
    """An option is missing or contradicts another one. The text names the rpc or service."""


class Access(StrEnum):
    """Who may call an rpc."""

    PUBLIC = "PUBLIC"
    USER = "USER"
    STAFF = "STAFF"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True)
class RateLimit:
    """How often one caller may call the rpcs of one group, all together."""

    group: str
    per_minute: int
    per_hour: int


@dataclass(frozen=True)
class OutlierDetection:
    """When callers in the mesh eject a failing instance."""

    consecutive_errors: int
    interval: float
    """Seconds."""
    ejection_time: float
    """Seconds."""
    max_ejection_percent: int


@dataclass(frozen=True)
class Bulkhead:
    """A limit of concurrent calls that several rpcs share."""

    name: str
    """Unique within the service; for the limit of a single rpc, the rpc's path."""
    max_in_flight: int
    max_waiting: int = 0
    """How many more calls may wait, for up to a second, until others end."""


@dataclass(frozen=True)
class Rpc:
    """One rpc and its policy."""

    service: str
    """Its proto service, such as `argosy.order.v1.OrderService`."""
    name: str
    access: Access
    is_read: bool
    """Whether it is a read (NO_SIDE_EFFECTS), which any client or proxy may retry."""
    is_repeatable: bool
    """Whether a retry is safe (NO_SIDE_EFFECTS or IDEMPOTENT)."""
    creates: bool
    """Whether success is 201 Created over REST."""
    unlimited: bool
    """Whether the edge exempts it from rate limits."""
    callers: tuple[str, ...]
    """INTERNAL only: short names of the services that may call it."""
    streams: bool
    """Whether the response is a stream of messages."""
    max_request_bytes: int
    """The maximum size of a request, which the edge and the service enforce."""
    bulkhead: Bulkhead
    """The limit of its concurrent calls. For a stream it is not used."""
    required_headers: tuple[str, ...]
    """Headers without which the edge refuses a call before it reads the body."""
    timeout: float
    """The deadline of a call in seconds, including retries. For a stream: how long it may be open."""
    verb: str
    """The HTTP method in upper case; empty for an internal rpc."""
    route: str
    """The REST path template; empty for an internal rpc."""

    @property
    def path(self) -> str:
        """The gRPC path, such as `/argosy.order.v1.OrderService/GetOrder`."""
        return f"/{self.service}/{self.name}"

    @property
    def counts_by_address(self) -> bool:
        """Whether the edge counts its callers by their address, with a token or without: anyone may call it, and it is
        no read. Such as registering: who has just made accounts is no new caller with each of their tokens."""
        return self.access is Access.PUBLIC and not self.is_read


@dataclass(frozen=True)
class Service:
    """One proto service and the options that its rpcs share."""

    full_name: str
    owner: str
    """The short name of the service that serves it, such as `order`."""
    is_internal: bool
    read_retries: int
    per_try_timeout: float
    """Seconds."""
    rate_limit: RateLimit | None
    """None for internal services."""
    load_balancing: str | None
    """ROUND_ROBIN, LEAST_REQUEST or RANDOM. None: the mesh's default."""
    outlier_detection: OutlierDetection | None
    """None: the mesh's default."""
    bulkheads: tuple[Bulkhead, ...]
    """The limits that its rpcs share."""
    rpcs: tuple[Rpc, ...]


@dataclass(frozen=True)
class EventType:
    """One event type and its topic."""

    name: str
    """The CloudEvents type, such as `ORDER_CREATED`."""
    topic: str


def read_contract(image: bytes) -> tuple[Service, ...]:
    """All services of ours in a serialized FileDescriptorSet, sorted by name.

    Raises ContractError for missing or contradictory options.
    """
    found = [
        read_service(f"{file.package}.{service.name}", service)
        for file in FileDescriptorSet.FromString(image).file
        if file.name.startswith(OURS)
        for service in file.service
    ]
    services = tuple(sorted(found, key=lambda service: service.full_name))
    _refuse_what_the_edge_lacks(services)
    _refuse_shared_routes(services)
    _refuse_uneven_groups(services)
    _refuse_two_ways_to_one_process(services)
    return services


def read_events(image: bytes) -> tuple[EventType, ...]:
    """All event types of ours in a serialized FileDescriptorSet, in the contract's order."""
    policies = [
        message.options.Extensions[policy_pb2.event]
        for file in FileDescriptorSet.FromString(image).file
        if file.name.startswith(OURS)
        for message in file.message_type
    ]
    return tuple(EventType(policy.type, policy.topic) for policy in policies if policy.type)


def read_service(name: str, descriptor: ServiceDescriptorProto) -> Service:
    """The options of one proto service. `name` is its full name.

    Raises ContractError for an rpc without access or deadline, for callers that contradict the access, and for a
    service with both internal and public rpcs (reflection describes whole services).
    """
    policy = descriptor.options.Extensions[policy_pb2.service]
    rpcs = tuple(_rpc(name, method, policy) for method in descriptor.method)
    internal = {rpc.access is Access.INTERNAL for rpc in rpcs}
    _demand(len(internal) == 1, name, "public and internal rpcs belong in services of their own")
    _demand(bool(policy.name), name, "its policy names no service")
    balancing = policy_pb2.LoadBalancing.Name(policy.load_balancing).removeprefix("LOAD_BALANCING_")
    return Service(
        full_name=name,
        owner=policy.name,
        is_internal=internal.pop(),
        read_retries=policy.read_retries.attempts,
        per_try_timeout=_seconds(policy.read_retries.per_try_timeout),
        rate_limit=_rate_limit(name, policy.rate_limit) if policy.HasField("rate_limit") else None,
        load_balancing=balancing if policy.load_balancing else None,
        outlier_detection=(
            _outlier_detection(name, policy.outlier_detection) if policy.HasField("outlier_detection") else None
        ),
        bulkheads=tuple(Bulkhead(one.name, one.max_in_flight, one.max_waiting) for one in policy.bulkheads),
        rpcs=rpcs,
    )


def public_rpcs(services: tuple[Service, ...]) -> Iterator[tuple[Service, Rpc]]:
    """Every rpc that the edge serves, with its service."""
    return ((service, rpc) for service in services if not service.is_internal for rpc in service.rpcs)


def rate_limits(services: tuple[Service, ...]) -> tuple[RateLimit, ...]:
    """The limits without duplicates, sorted by group."""
    limits = {service.rate_limit for service in services if service.rate_limit is not None}
    return tuple(sorted(limits, key=lambda limit: limit.group))


def _rpc(service: str, method: MethodDescriptorProto, service_policy: policy_pb2.ServicePolicy) -> Rpc:
    name = f"{service}.{method.name}"
    options = method.options
    policy = options.Extensions[policy_pb2.method]
    _demand(policy.access != policy_pb2.ACCESS_UNSPECIFIED, name, "the option argosy.policy.v1.method lacks access")
    _demand(not method.client_streaming, name, "client streaming is not supported")
    verb, route = _binding(options.Extensions[annotations_pb2.http])
    is_internal = policy.access == policy_pb2.ACCESS_INTERNAL
    _demand(is_internal == bool(policy.callers), name, "an internal rpc names its callers, a public one names none")
    timeout = _seconds(policy.deadline if policy.HasField("deadline") else service_policy.timeout)
    _demand(timeout > 0, name, "neither the rpc nor its service has a deadline")
    largest = policy.max_request_bytes or REQUEST_BYTES
    _demand(largest <= MOST_REQUEST_BYTES, name, f"max_request_bytes is at most {MOST_REQUEST_BYTES}")
    return Rpc(
        service=service,
        name=method.name,
        access=Access[policy_pb2.Access.Name(policy.access).removeprefix("ACCESS_")],
        is_read=options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        is_repeatable=options.idempotency_level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT),
        creates=policy.creates,
        unlimited=policy.unlimited,
        callers=tuple(policy.callers),
        streams=method.server_streaming,
        max_request_bytes=largest,
        bulkhead=_bulkhead(service, method.name, policy.bulkhead, service_policy),
        required_headers=tuple(policy.required_headers),
        timeout=timeout,
        verb=verb,
        route=route,
    )


def _bulkhead(service: str, rpc: str, name: str, policy: policy_pb2.ServicePolicy) -> Bulkhead:
    if not name:
        return Bulkhead(f"/{service}/{rpc}", MOST_IN_FLIGHT)
    found = [one for one in policy.bulkheads if one.name == name and one.max_in_flight]
    _demand(len(found) == 1, f"{service}.{rpc}", f"its service has no bulkhead {name} with a limit")
    return Bulkhead(name, found[0].max_in_flight, found[0].max_waiting)


def _binding(rule: http_pb2.HttpRule) -> tuple[str, str]:
    pattern = rule.WhichOneof("pattern")
    if pattern is None:
        return "", ""
    if pattern == "custom":
        return rule.custom.kind, rule.custom.path
    return pattern.upper(), getattr(rule, pattern)


def _rate_limit(name: str, policy: policy_pb2.RateLimit) -> RateLimit:
    limit = RateLimit(policy.group, policy.per_minute, policy.per_hour)
    complete = all((limit.group, limit.per_minute, limit.per_hour))
    _demand(complete, name, "a rate limit has a group, calls a minute and calls an hour")
    return limit


def _outlier_detection(name: str, policy: policy_pb2.OutlierDetection) -> OutlierDetection:
    found = OutlierDetection(
        policy.consecutive_errors,
        _seconds(policy.interval),
        _seconds(policy.ejection_time),
        policy.max_ejection_percent,
    )
    complete = all((found.consecutive_errors, found.interval, found.ejection_time, found.max_ejection_percent))
    _demand(complete, name, "outlier detection has errors, an interval, an ejection time and a percentage")
    return found


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()


def _demand(condition: bool, name: str, rule: str) -> None:
    if not condition:
        raise ContractError(f"{name}: {rule}")


def _refuse_what_the_edge_lacks(services: tuple[Service, ...]) -> None:
    """Public rpcs need an HTTP binding and a rate limit; internal ones must not have them."""
    for service in services:
        for rpc in service.rpcs:
            name = f"{service.full_name}.{rpc.name}"
            fits = service.is_internal != bool(rpc.route)
            _demand(fits, name, "a public rpc has an HTTP binding, an internal one has none")
        fits = service.is_internal == (service.rate_limit is None)
        _demand(fits, service.full_name, "a public service has a rate limit, an internal one has none")


def _refuse_shared_routes(services: tuple[Service, ...]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for _, rpc in public_rpcs(services):
        other = taken.setdefault((rpc.verb, rpc.route), rpc.path)
        _demand(other == rpc.path, rpc.path, f"{rpc.verb} {rpc.route} is already the route of {other}")


def _refuse_uneven_groups(services: tuple[Service, ...]) -> None:
    groups = [limit.group for limit in rate_limits(services)]
    for group in groups:
        _demand(groups.count(group) == 1, f"rate limit group {group}", "it has two different limits")


def _refuse_two_ways_to_one_process(services: tuple[Service, ...]) -> None:
    for part in ("load_balancing", "outlier_detection"):
        owners = [service.owner for service in services if getattr(service, part) is not None]
        for owner in owners:
            _demand(
                owners.count(owner) == 1, owner, f"one of its proto services states the {part}, for the whole process"
            )
