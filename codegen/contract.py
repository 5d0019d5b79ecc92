"""Reads what the contract decides about its rpcs from the image: who may call, for how long, how often, and where.

An rpc without a decision, or with two that do not fit together, stops the build here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "argosy/"
_VERBS = ("get", "put", "post", "delete", "patch")
_METHOD_POLICY = "[argosy.policy.v1.method]"
_SERVICE_POLICY = "[argosy.policy.v1.service]"
_HTTP = "[google.api.http]"

Json = Mapping[str, Any]


class ContractError(Exception):
    """The contract lacks a decision or contradicts itself; the text names the rpc or service."""


@dataclass(frozen=True)
class RateLimit:
    """How often one caller may call the rpcs of one group."""

    group: str
    per_minute: int
    per_hour: int


@dataclass(frozen=True)
class OutlierDetection:
    """When callers in the mesh leave a failing instance out."""

    consecutive_errors: int
    interval: float
    """Seconds."""
    ejection_time: float
    """Seconds."""
    max_ejection_percent: int


@dataclass(frozen=True)
class Rpc:
    """One rpc and its policy."""

    service: str
    """Its proto service, such as `argosy.order.v1.OrderService`."""
    name: str
    access: str
    """PUBLIC, USER, STAFF or INTERNAL."""
    is_read: bool
    """Whether it changes nothing, so that it may be repeated."""
    unlimited: bool
    callers: tuple[str, ...]
    """For INTERNAL: the services that may call it."""
    streams: bool
    """Whether it answers with a stream of messages."""
    timeout: float
    """Seconds a call may take at most, all tries together; a stream's: how long it may be open."""
    verb: str
    """Its HTTP verb in upper case; empty for an internal rpc."""
    route: str
    """Its path template over REST; empty for an internal rpc."""

    @property
    def path(self) -> str:
        """Its path on the wire."""
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True)
class Service:
    """One proto service and the policy that its rpcs share."""

    full_name: str
    owner: str
    """The short name of the service whose process serves it."""
    is_internal: bool
    read_retries: int
    per_try_timeout: float
    """Seconds."""
    rate_limit: RateLimit | None
    """None for internal services."""
    load_balancing: str | None
    """ROUND_ROBIN, LEAST_REQUEST or RANDOM; None where the mesh's default holds."""
    outlier_detection: OutlierDetection | None
    """None where the mesh's default holds."""
    rpcs: tuple[Rpc, ...]


def read_contract(image: Json) -> tuple[Service, ...]:
    """All services of ours in an image (a FileDescriptorSet as JSON), by name.

    Raises ContractError when a decision is missing or does not fit.
    """
    found = [
        _service(f"{file['package']}.{service['name']}", service)
        for file in image["file"]
        if file["name"].startswith(OURS)
        for service in file.get("service", [])
    ]
    services = tuple(sorted(found, key=lambda service: service.full_name))
    _refuse_shared_routes(services)
    _refuse_uneven_groups(services)
    _refuse_two_ways_to_one_process(services)
    return services


def public_rpcs(services: tuple[Service, ...]) -> Iterator[tuple[Service, Rpc]]:
    """Every rpc that the edge serves, beside its service."""
    return ((service, rpc) for service in services if not service.is_internal for rpc in service.rpcs)


def rate_limits(services: tuple[Service, ...]) -> tuple[RateLimit, ...]:
    """Every group's limit, once, by group."""
    limits = {service.rate_limit for service in services if service.rate_limit is not None}
    return tuple(sorted(limits, key=lambda limit: limit.group))


def _service(name: str, descriptor: Json) -> Service:
    policy: Json = descriptor.get("options", {}).get(_SERVICE_POLICY, {})
    rpcs = tuple(_rpc(name, method, _seconds(policy.get("timeout"))) for method in descriptor["method"])
    internal = {rpc.access == "INTERNAL" for rpc in rpcs}
    _demand(len(internal) == 1, name, "public and internal rpcs belong in services of their own")
    _demand("name" in policy, name, "its policy names no service")
    is_internal = internal.pop()
    _demand(is_internal != ("rateLimit" in policy), name, "a public service has a rate limit, an internal one has none")
    retries: Json = policy.get("readRetries", {})
    return Service(
        full_name=name,
        owner=policy["name"],
        is_internal=is_internal,
        read_retries=retries.get("attempts", 0),
        per_try_timeout=_seconds(retries.get("perTryTimeout")),
        rate_limit=None if is_internal else _rate_limit(name, policy["rateLimit"]),
        load_balancing=policy["loadBalancing"].removeprefix("LOAD_BALANCING_") if "loadBalancing" in policy else None,
        outlier_detection=_outlier_detection(name, policy["outlierDetection"])
        if "outlierDetection" in policy
        else None,
        rpcs=rpcs,
    )


def _rpc(service: str, method: Json, service_timeout: float) -> Rpc:
    name = f"{service}.{method['name']}"
    options: Json = method.get("options", {})
    policy: Json = options.get(_METHOD_POLICY, {})
    access = policy.get("access", "ACCESS_UNSPECIFIED").removeprefix("ACCESS_")
    _demand(access != "UNSPECIFIED", name, "nobody decided who may call it")
    _demand(not method.get("clientStreaming"), name, "callers send one request; streams of them are not served")
    verb, route = _binding(options.get(_HTTP, {}))
    is_internal = access == "INTERNAL"
    _demand(is_internal != bool(route), name, "a public rpc has an HTTP binding, an internal one has none")
    _demand(
        is_internal == bool(policy.get("callers")), name, "an internal rpc names its callers, a public one names none"
    )
    timeout = _seconds(policy.get("deadline")) or service_timeout
    _demand(timeout > 0, name, "neither it nor its service says how long a call may take")
    return Rpc(
        service=service,
        name=method["name"],
        access=access,
        is_read=options.get("idempotencyLevel") == "NO_SIDE_EFFECTS",
        unlimited=policy.get("unlimited", False),
        callers=tuple(policy.get("callers", ())),
        streams=method.get("serverStreaming", False),
        timeout=timeout,
        verb=verb,
        route=route,
    )


def _binding(rule: Json) -> tuple[str, str]:
    return next(((verb.upper(), rule[verb]) for verb in _VERBS if verb in rule), ("", ""))


def _rate_limit(name: str, policy: Json) -> RateLimit:
    complete = all(policy.get(part) for part in ("group", "perMinute", "perHour"))
    _demand(complete, name, "a rate limit has a group, calls a minute and calls an hour")
    return RateLimit(policy["group"], policy["perMinute"], policy["perHour"])


def _outlier_detection(name: str, policy: Json) -> OutlierDetection:
    complete = all(policy.get(part) for part in ("consecutiveErrors", "interval", "ejectionTime", "maxEjectionPercent"))
    _demand(complete, name, "outlier detection has errors, an interval, an ejection time and a percentage")
    return OutlierDetection(
        policy["consecutiveErrors"],
        _seconds(policy["interval"]),
        _seconds(policy["ejectionTime"]),
        policy["maxEjectionPercent"],
    )


def _seconds(duration: str | None) -> float:
    """A protobuf duration as JSON writes it ("2.5s"); 0 for none."""
    return float(duration.removesuffix("s")) if duration else 0.0


def _demand(condition: bool, name: str, rule: str) -> None:
    if not condition:
        raise ContractError(f"{name}: {rule}")


def _refuse_shared_routes(services: tuple[Service, ...]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for _, rpc in public_rpcs(services):
        other = taken.setdefault((rpc.verb, rpc.route), rpc.path)
        _demand(other == rpc.path, rpc.path, f"{rpc.verb} {rpc.route} is {other}'s already")


def _refuse_uneven_groups(services: tuple[Service, ...]) -> None:
    groups = [limit.group for limit in rate_limits(services)]
    for group in groups:
        _demand(groups.count(group) == 1, f"rate limit group {group}", "it has two different allowances")


def _refuse_two_ways_to_one_process(services: tuple[Service, ...]) -> None:
    for part in ("load_balancing", "outlier_detection"):
        owners = [service.owner for service in services if getattr(service, part) is not None]
        for owner in owners:
            _demand(
                owners.count(owner) == 1, owner, f"one of its proto services states the {part}, for the whole process"
            )
