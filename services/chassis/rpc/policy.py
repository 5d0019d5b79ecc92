"""The contract's options of an rpc (contract.py) together with its message classes. Read once, at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import ServiceDescriptorProto
from google.protobuf.message import Message

from services.chassis.rpc.contract import Rpc, Service, read_service


@dataclass(frozen=True)
class MethodPolicyView(Rpc):
    """An rpc's options and message classes."""

    request_class: type[Message]
    response_class: type[Message]


@dataclass(frozen=True)
class ServicePolicyView(Service):
    """A proto service's options, and its rpcs with their message classes."""

    methods: Mapping[str, MethodPolicyView]
    """By rpc name, in the contract's order."""


def read(service: ServiceDescriptor) -> ServicePolicyView:
    """The options and message classes of one proto service. Raises ContractError."""
    proto = ServiceDescriptorProto()
    service.CopyToProto(proto)
    options = read_service(service.full_name, proto)
    methods = {}
    for rpc in options.rpcs:
        method = service.methods_by_name[rpc.name]
        methods[rpc.name] = MethodPolicyView(
            **vars(rpc),
            request_class=message_factory.GetMessageClass(method.input_type),
            response_class=message_factory.GetMessageClass(method.output_type),
        )
    return ServicePolicyView(**vars(options), methods=methods)
