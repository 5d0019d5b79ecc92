"""Reads what the contract decides about its public rpcs from the image: who may call, for how long, how often, where.

An rpc without a decision, or with two that do not fit together, stops the build here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

OURS = "argosy/"
VERBS = ("get", "put", "post", "delete", "patch")


class ContractError(Exception):
    """The contract lacks a decision or contradicts itself; the text names the rpc or service."""


@dataclass(frozen=True)
class RateLimit:
    """How often one caller may call the rpcs of one group."""

    group: str
    per_minute: int
    per_hour: int


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
    timeout: float
    """Seconds a call may take at most, all tries together."""
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
    rpcs: tuple[Rpc, ...]


def read_contract(image: bytes) -> tuple[Service, ...]:
    """All services of ours in a serialized FileDescriptorSet, by name.

    Raises ContractError when a decision is missing or does not fit.
    """
    files = FileDescriptorSet.FromString(image)
    policies = _Policies(files)
    descriptors = [
        policies.pool.FindFileByName(file.name).services_by_name[service.name]
        for file in files.file
        if file.name.startswith(OURS)
        for service in file.service
    ]
    services = tuple(sorted((_service(one, policies) for one in descriptors), key=lambda service: service.full_name))
    _refuse_shared_routes(services)
    _refuse_uneven_groups(services)
    return services


class _Policies:
    """Options by the image's own definitions, so that generating needs nothing that was generated before."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.pool = DescriptorPool()
        for file in files.file:
            self.pool.Add(file)

    def of_method(self, method: MethodDescriptor) -> Message:
        return self._read("google.protobuf.MethodOptions", method.GetOptions(), "argosy.policy.v1.method")

    def http_rule(self, method: MethodDescriptor) -> Message:
        return self._read("google.protobuf.MethodOptions", method.GetOptions(), "google.api.http")

    def of_service(self, service: ServiceDescriptor) -> Message:
        return self._read("google.protobuf.ServiceOptions", service.GetOptions(), "argosy.policy.v1.service")

    def _read(self, options_type: str, options: Message, extension: str) -> Message:
        descriptor: Descriptor = self.pool.FindMessageTypeByName(options_type)
        reread = message_factory.GetMessageClass(descriptor).FromString(options.SerializeToString())
        found: Message = reread.Extensions[self.pool.FindExtensionByName(extension)]
        return found


def _service(descriptor: ServiceDescriptor, policies: _Policies) -> Service:
    policy = policies.of_service(descriptor)
    name = descriptor.full_name
    rpcs = tuple(_rpc(method, policies, _seconds(policy, "timeout")) for method in descriptor.methods)
    internal = {rpc.access == "INTERNAL" for rpc in rpcs}
    if len(internal) != 1:
        raise ContractError(f"{name}: public and internal rpcs belong in services of their own")
    if not policy.name:
        raise ContractError(f"{name}: its policy names no service")
    is_internal = internal.pop()
    if is_internal == policy.HasField("rate_limit"):
        raise ContractError(f"{name}: a public service has a rate limit, an internal one has none")
    return Service(
        full_name=name,
        owner=policy.name,
        is_internal=is_internal,
        read_retries=policy.read_retries.attempts,
        per_try_timeout=_seconds(policy.read_retries, "per_try_timeout"),
        rate_limit=None if is_internal else _rate_limit(name, policy.rate_limit),
        rpcs=rpcs,
    )


def _rpc(method: MethodDescriptor, policies: _Policies, service_timeout: float) -> Rpc:
    policy = policies.of_method(method)
    access = policy.DESCRIPTOR.fields_by_name["access"].enum_type.values_by_number[policy.access].name
    if not policy.access:
        raise ContractError(f"{method.full_name}: nobody decided who may call it")
    if method.client_streaming or method.server_streaming:
        raise ContractError(f"{method.full_name}: the edge has no rules for streams yet")
    verb, route = _binding(policies.http_rule(method))
    is_internal = access == "ACCESS_INTERNAL"
    if is_internal == bool(route):
        raise ContractError(f"{method.full_name}: a public rpc has an HTTP binding, an internal one has none")
    if is_internal != bool(policy.callers):
        raise ContractError(f"{method.full_name}: an internal rpc names its callers, a public one names none")
    timeout = _seconds(policy, "deadline") or service_timeout
    if timeout <= 0:
        raise ContractError(f"{method.full_name}: neither it nor its service says how long a call may take")
    return Rpc(
        service=method.containing_service.full_name,
        name=method.name,
        access=access.removeprefix("ACCESS_"),
        is_read=method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        unlimited=policy.unlimited,
        timeout=timeout,
        verb=verb,
        route=route,
    )


def _binding(rule: Message) -> tuple[str, str]:
    for verb in VERBS:
        if route := getattr(rule, verb):
            return verb.upper(), route
    return "", ""


def _rate_limit(name: str, policy: Message) -> RateLimit:
    limit = RateLimit(policy.group, policy.per_minute, policy.per_hour)
    if not (limit.group and limit.per_minute and limit.per_hour):
        raise ContractError(f"{name}: a rate limit has a group, calls a minute and calls an hour")
    return limit


def _seconds(message: Message, field: str) -> float:
    duration = getattr(message, field)
    return float(duration.seconds) + duration.nanos / 1e9


def public_rpcs(services: tuple[Service, ...]) -> Iterator[tuple[Service, Rpc]]:
    """Every rpc that the edge serves, beside its service."""
    return ((service, rpc) for service in services if not service.is_internal for rpc in service.rpcs)


def rate_limits(services: tuple[Service, ...]) -> tuple[RateLimit, ...]:
    """Every group's limit, once, by group."""
    limits = {service.rate_limit for service in services if service.rate_limit is not None}
    return tuple(sorted(limits, key=lambda limit: limit.group))


def _refuse_shared_routes(services: tuple[Service, ...]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for _, rpc in public_rpcs(services):
        other = taken.setdefault((rpc.verb, rpc.route), rpc.path)
        if other != rpc.path:
            raise ContractError(f"{rpc.path} and {other} share {rpc.verb} {rpc.route}")


def _refuse_uneven_groups(services: tuple[Service, ...]) -> None:
    groups = [limit.group for limit in rate_limits(services)]
    for group in groups:
        if groups.count(group) > 1:
            raise ContractError(f"the rate limit group {group} has two different allowances")
