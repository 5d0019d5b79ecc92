"""The contract's decisions, as they are read at start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from argosy.inventory.v1 import reservation_pb2
from argosy.order.v1 import order_lookup_pb2, order_pb2
from argosy.policy.v1 import policy_pb2
from argosy.user.v1 import user_pb2
from services.chassis.rpc import policy
from services.chassis.rpc.contract import Access, ContractError

ORDERS = order_pb2.DESCRIPTOR.services_by_name["OrderService"]
RESERVATIONS = reservation_pb2.DESCRIPTOR.services_by_name["ReservationService"]


def test_a_public_create() -> None:
    create = policy.read(ORDERS).methods["CreateOrder"]
    assert create.path == "/argosy.order.v1.OrderService/CreateOrder"
    assert (create.access, create.callers, create.creates, create.is_repeatable) == (Access.USER, (), True, False)
    assert (create.verb, create.route) == ("POST", "/api/v1/orders")
    assert (create.request_class, create.response_class) == (order_pb2.CreateOrderRequest, order_pb2.Order)


def test_a_public_read() -> None:
    read = policy.read(user_pb2.DESCRIPTOR.services_by_name["UserService"]).methods["GetUser"]
    assert (read.access, read.creates, read.is_repeatable) == (Access.USER, False, True)
    assert (read.verb, read.route) == ("GET", "/api/v1/users/{id}")


def test_a_stream() -> None:
    orders = policy.read(ORDERS).methods
    assert (orders["WatchOrder"].streams, orders["WatchOrder"].timeout) == (True, 3600)
    assert not orders["GetOrder"].streams


def test_streams_of_requests_are_not_served() -> None:
    with pytest.raises(ContractError, match="client streaming is not supported"):
        policy.read(_service(lambda *_: None, client_streaming=True))


def test_an_internal_service() -> None:
    reservations = policy.read(RESERVATIONS)
    reserve = reservations.methods["ReserveStock"]
    assert reservations.is_internal
    assert reservations.owner == "inventory"
    assert (reserve.access, reserve.callers, reserve.is_repeatable) == (Access.INTERNAL, ("order",), True)
    assert (reserve.verb, reserve.route) == ("", "")


def test_callers_are_those_of_the_plan() -> None:
    look_up = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
    callers = {name: method.callers for name, method in policy.read(look_up).methods.items()}
    assert callers == {
        "LookUpOrder": ("payment",),
        "LookUpOrders": ("payment", "inventory", "notification"),
        "ResolveOrders": ("inventory",),
    }
    assert not policy.read(ORDERS).is_internal


Change = Callable[[Any, Any, Any], None]


def _service(change: Change, *, client_streaming: bool = False) -> ServiceDescriptor:
    """A service with two good rpcs, changed."""
    file = descriptor_pb2.FileDescriptorProto(name="bad.proto", package="bad", syntax="proto3")
    file.message_type.add(name="Nothing")
    service = file.service.add(name="Bad")
    of_service = service.options.Extensions[policy_pb2.service]
    of_service.name = "bad"
    of_service.timeout.seconds = 7
    for name in ("One", "Two"):
        method = service.method.add(name=name, input_type=".bad.Nothing", output_type=".bad.Nothing")
        method.client_streaming = client_streaming
        method.options.Extensions[policy_pb2.method].access = policy_pb2.ACCESS_USER
    first = service.method[0].options
    change(of_service, first.Extensions[policy_pb2.method], first)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("bad.Bad")


def _internal(_service: Any, method: Any, _options: Any) -> None:
    method.access = policy_pb2.ACCESS_INTERNAL
    method.callers.append("friend")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda service, method, options: service.ClearField("name"), "names no service"),
        (lambda service, method, options: service.ClearField("timeout"), "has a deadline"),
        (lambda service, method, options: method.ClearField("access"), "lacks access"),
        (lambda service, method, options: method.callers.append("friend"), "a public one names none"),
        (
            lambda service, method, options: setattr(method, "access", policy_pb2.ACCESS_INTERNAL),
            "an internal rpc names",
        ),
        (_internal, "in services of their own"),
    ],
)
def test_a_contract_without_a_decision_does_not_start(change: Change, complaint: str) -> None:
    with pytest.raises(ContractError, match=complaint):
        policy.read(_service(change))


def test_an_rpcs_own_deadline_goes_before_its_services() -> None:
    def shorter(_service: Any, method: Any, _options: Any) -> None:
        method.deadline.nanos = 250_000_000

    methods = policy.read(_service(shorter)).methods
    assert (methods["One"].timeout, methods["Two"].timeout) == (0.25, 7.0)


def test_a_custom_http_verb() -> None:
    def custom(_service: Any, _method: Any, options: Any) -> None:
        options.Extensions[annotations_pb2.http].custom.kind = "HEAD"
        options.Extensions[annotations_pb2.http].custom.path = "/things"

    method = policy.read(_service(custom)).methods["One"]
    assert (method.verb, method.route) == ("HEAD", "/things")
