"""What the contract says about an rpc, read from its descriptor once, at start.

The options are `argosy.policy.v1`'s; the HTTP binding is `google.api.http`; whether a call may be repeated is
protobuf's own `idempotency_level`. An rpc that lacks a decision does not start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from argosy.policy.v1 import policy_pb2


class PolicyError(Exception):
    """The contract lacks a decision, or has one that makes no sense. Found at start, never during a call."""


class Access(Enum):
    """Who may call an rpc."""

    PUBLIC = policy_pb2.ACCESS_PUBLIC
    USER = policy_pb2.ACCESS_USER
    STAFF = policy_pb2.ACCESS_STAFF
    INTERNAL = policy_pb2.ACCESS_INTERNAL


@dataclass(frozen=True)
class MethodPolicyView:
    """One rpc and what the contract says about it."""

    service: str
    """The proto service's full name, such as `argosy.order.v1.OrderService`."""
    name: str
    access: Access
    callers: frozenset[str]
    """Short names of the services that may call an INTERNAL rpc."""
    deadline: float
    """Seconds a call may take at most; a stream's: how long it may be open."""
    creates: bool
    """Whether success answers 201 Created over REST."""
    repeatable: bool
    """Whether a call may be sent again without asking (NO_SIDE_EFFECTS or IDEMPOTENT)."""
    verb: str
    """The HTTP verb over REST; "GRPC" where there is none."""
    route: str
    """The path template over REST; the rpc's path where there is none."""
    request_class: type[Message]
    response_class: type[Message]
    streams: bool
    """Whether it answers with a stream of messages rather than with one."""

    @property
    def path(self) -> str:
        """The rpc's path on the wire, such as `/argosy.order.v1.OrderService/GetOrder`."""
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True)
class ServicePolicyView:
    """One proto service and what the contract says about it."""

    full_name: str
    owner: str
    """The short name of the service whose process serves it ("order")."""
    retries: int
    """How many times a repeatable call that failed on its way is tried again."""
    methods: Mapping[str, MethodPolicyView]
    """By rpc name, in the contract's order."""

    @property
    def is_internal(self) -> bool:
        """Whether only other services may call it."""
        return all(method.access is Access.INTERNAL for method in self.methods.values())


def read(service: ServiceDescriptor) -> ServicePolicyView:
    """The contract of one proto service.

    Raises PolicyError for an rpc without access or deadline, callers that do not fit the access, or internal rpcs
    beside others (reflection describes whole services).
    """
    options = service.GetOptions().Extensions[policy_pb2.service]
    if not options.name:
        raise PolicyError(f"{service.full_name}: the option argosy.policy.v1.service lacks a name")
    view = ServicePolicyView(
        full_name=service.full_name,
        owner=options.name,
        retries=options.read_retries.attempts,
        methods=MappingProxyType({method.name: _read_method(method, options) for method in service.methods}),
    )
    if not view.is_internal and any(method.access is Access.INTERNAL for method in view.methods.values()):
        raise PolicyError(f"{service.full_name}: internal rpcs belong in a proto service of their own")
    return view


def _read_method(method: MethodDescriptor, service: policy_pb2.ServicePolicy) -> MethodPolicyView:
    options = method.GetOptions()
    policy = options.Extensions[policy_pb2.method]
    if method.client_streaming:
        raise PolicyError(f"{method.full_name}: callers send one request; streams of them are not served")
    verb, route = _http_binding(method)
    return MethodPolicyView(
        service=method.containing_service.full_name,
        name=method.name,
        access=_access(method, policy),
        callers=frozenset(policy.callers),
        deadline=_deadline(method, policy, service),
        creates=policy.creates,
        repeatable=options.idempotency_level in (MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT),
        verb=verb,
        route=route,
        request_class=message_factory.GetMessageClass(method.input_type),
        response_class=message_factory.GetMessageClass(method.output_type),
        streams=method.server_streaming,
    )


def _access(method: MethodDescriptor, policy: policy_pb2.MethodPolicy) -> Access:
    if policy.access == policy_pb2.ACCESS_UNSPECIFIED:
        raise PolicyError(f"{method.full_name}: the option argosy.policy.v1.method lacks access")
    access = Access(policy.access)
    if bool(policy.callers) != (access is Access.INTERNAL):
        raise PolicyError(f"{method.full_name}: callers stand with ACCESS_INTERNAL, and only there")
    return access


def _deadline(method: MethodDescriptor, policy: policy_pb2.MethodPolicy, service: policy_pb2.ServicePolicy) -> float:
    duration = policy.deadline if policy.HasField("deadline") else service.timeout
    seconds = duration.ToTimedelta().total_seconds()
    if seconds <= 0:
        raise PolicyError(f"{method.full_name}: neither the rpc nor its service says how long a call may take")
    return seconds


def _http_binding(method: MethodDescriptor) -> tuple[str, str]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    pattern = rule.WhichOneof("pattern")
    if pattern is None:
        return "GRPC", f"/{method.containing_service.full_name}/{method.name}"
    if pattern == "custom":
        return rule.custom.kind, rule.custom.path
    return pattern.upper(), getattr(rule, pattern)
