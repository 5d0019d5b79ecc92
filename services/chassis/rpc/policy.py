"""The contract's options of an rpc (contract.py) together with its message classes. Read once, at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import ServiceDescriptorProto
from google.protobuf.message import Message

from argosy.policy.v1 import policy_pb2
from services.chassis.rpc.contract import Bulkhead, Rpc, read_service


class Access(Enum):
    """Who may call an rpc."""

    PUBLIC = policy_pb2.ACCESS_PUBLIC
    USER = policy_pb2.ACCESS_USER
    STAFF = policy_pb2.ACCESS_STAFF
    INTERNAL = policy_pb2.ACCESS_INTERNAL


@dataclass(frozen=True)
class MethodPolicyView:
    """One rpc and its options."""

    service: str
    """The proto service's full name, such as `argosy.order.v1.OrderService`."""
    name: str
    access: Access
    callers: frozenset[str]
    """Short names of the services that may call an INTERNAL rpc."""
    deadline: float
    """The deadline of a call in seconds. For a stream: how long it may be open."""
    max_request_bytes: int
    """The maximum size of a request's message."""
    bulkhead: Bulkhead
    """The limit of concurrent calls."""
    creates: bool
    """Whether success is 201 Created over REST."""
    repeatable: bool
    """Whether a retry is safe (NO_SIDE_EFFECTS or IDEMPOTENT)."""
    verb: str
    """The HTTP method over REST; "GRPC" if there is none."""
    route: str
    """The path template over REST; the rpc's path if there is none."""
    request_class: type[Message]
    response_class: type[Message]
    streams: bool
    """Whether the response is a stream of messages."""

    @property
    def path(self) -> str:
        """The gRPC path, such as `/argosy.order.v1.OrderService/GetOrder`."""
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True)
class ServicePolicyView:
    """One proto service and its options."""

    full_name: str
    owner: str
    """The short name of the service that serves it ("order")."""
    retries: int
    """How often a repeatable call is retried after UNAVAILABLE."""
    methods: Mapping[str, MethodPolicyView]
    """By rpc name, in the contract's order."""

    @property
    def is_internal(self) -> bool:
        """Whether only other services may call it."""
        return all(method.access is Access.INTERNAL for method in self.methods.values())


def read(service: ServiceDescriptor) -> ServicePolicyView:
    """The options and message classes of one proto service. Raises ContractError."""
    proto = ServiceDescriptorProto()
    service.CopyToProto(proto)
    decided = read_service(service.full_name, proto)
    methods = {method.name: method for method in service.methods}
    return ServicePolicyView(
        full_name=decided.full_name,
        owner=decided.owner,
        retries=decided.read_retries,
        methods=MappingProxyType({rpc.name: _view(rpc, methods[rpc.name]) for rpc in decided.rpcs}),
    )


def _view(rpc: Rpc, method: MethodDescriptor) -> MethodPolicyView:
    return MethodPolicyView(
        service=rpc.service,
        name=rpc.name,
        access=Access[rpc.access],
        callers=frozenset(rpc.callers),
        deadline=rpc.timeout,
        max_request_bytes=rpc.max_request_bytes,
        bulkhead=rpc.bulkhead,
        creates=rpc.creates,
        repeatable=rpc.is_repeatable,
        verb=rpc.verb or "GRPC",
        route=rpc.route or rpc.path,
        request_class=message_factory.GetMessageClass(method.input_type),
        response_class=message_factory.GetMessageClass(method.output_type),
        streams=rpc.streams,
    )
