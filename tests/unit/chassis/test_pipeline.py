"""The parts of the pipeline that need no server to be seen: paths, forms and bindings."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from argosy.order.v1 import order_pb2
from argosy.user.v1 import user_pb2
from services.chassis.plain import trace_context
from services.chassis.plain.errors import FieldViolation, InvalidArgument, PermissionDenied, Unauthenticated
from services.chassis.rpc import policy, server
from services.chassis.rpc.call import request_id_of
from services.chassis.rpc.pipeline import Parts, compose, idempotency_key, identity, observation
from services.chassis.rpc.pipeline.exchange import Exchange
from services.chassis.rpc.pipeline.validation import json_name, violations_of
from services.chassis.rpc.server import HandlerError, InFlight
from services.chassis.rpc.statuses import Catalogue
from services.chassis.rpc.streams import Streams

ORDERS = policy.read(order_pb2.DESCRIPTOR.services_by_name["OrderService"])


class AbortedCall(Exception):
    """Like grpc.aio's own: raised by abort."""


class Context:
    """A call that remembers how it was ended."""

    def __init__(self, **metadata: str) -> None:
        self._metadata = {name.replace("_", "-"): value for name, value in metadata.items()}
        self.aborted: tuple[grpc.StatusCode, str, Any] | None = None

    def invocation_metadata(self) -> Any:
        return tuple(self._metadata.items())

    def peer(self) -> str:
        return "ipv6:%5B::1%5D:50000"

    def time_remaining(self) -> float | None:
        return None

    async def write(self, message: bytes) -> None:
        raise AssertionError("no stream")

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> Any:
        self.aborted = code, details, trailing_metadata
        raise AbortedCall


async def _no_token(_token: str) -> Any:
    raise Unauthenticated()


async def _reached(exchange: Exchange) -> bytes:
    return (exchange.idempotency_key or "none").encode()


def test_json_names_are_protobufs_own() -> None:
    fields = [
        field
        for message in (*order_pb2.DESCRIPTOR.message_types_by_name.values(),
                        *user_pb2.DESCRIPTOR.message_types_by_name.values())
        for field in message.fields
    ]  # fmt: skip
    assert {json_name(field.name) for field in fields} >= {"shippingAddress", "id", "zipCode"}
    assert [json_name(field.name) for field in fields] == [field.json_name for field in fields]


def test_violations_of_a_real_request_bear_camel_case_paths() -> None:
    request = order_pb2.CreateOrderRequest(items=[order_pb2.OrderItemRequest(product_id="prod-1", quantity=0)])
    assert {field for field, _ in violations_of(request)} == {"items[0].quantity", "shippingAddress"}


def test_nul_is_found_wherever_a_string_can_be() -> None:
    profile = user_pb2.Profile(bio="a\0", address=user_pb2.Address(city="\0"))
    profile.preferences["k"] = {"deep": ["\0"]}
    assert [field for field, _ in violations_of(profile)] == [
        "bio", 'preferences.fields["k"].structValue.fields["deep"].listValue.values[0].stringValue', "address.city",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["\x7f", "a\x1f", "ключ", "x" * 256, ""])
async def test_an_idempotency_key_is_printable_ascii(key: str) -> None:
    step = idempotency_key.read(_reached)
    with pytest.raises(InvalidArgument):
        await step(Exchange(b"", Context(idempotency_key=key)))
    assert await step(Exchange(b"", Context(idempotency_key="~ok !"))) == b"~ok !"


async def test_the_peer_is_the_client_without_a_header_of_the_edge() -> None:
    method = ORDERS.methods["GetOrder"]
    assert Exchange(b"", Context()).call(method).client_address == "::1"
    assert Exchange(b"", Context(x_client_address="203.0.113.9")).call(method).client_address == "203.0.113.9"


async def test_a_request_id_is_bounded() -> None:
    assert len(request_id_of({"x-request-id": "x" * 5000}, trace_context.new())) == 128


async def test_the_whole_pipeline_answers_a_refusal_completely() -> None:
    async def handler(_request: Any, _call: Any) -> Any:
        raise AssertionError("not reached")

    parts = Parts(Catalogue({}), lambda: True, _no_token, _no_token, Streams())
    context = Context()
    with pytest.raises(AbortedCall):
        await compose(ORDERS.methods["GetOrder"], handler, parts)(Exchange(b"", context))
    assert context.aborted is not None
    code, _, trailers = context.aborted
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert [name for name, _ in trailers] == ["grpc-status-details-bin"]


async def test_client_apps_are_checked_before_tokens() -> None:
    step = identity.establish(_no_token, _reached)
    with pytest.raises(InvalidArgument) as caught:
        await step(Exchange(b"", Context(authorization="Bearer x", x_client_app="toaster")))
    assert caught.value.violations == [FieldViolation("X-Client-App", "must be one of web-app, mobile-app")]


def test_every_grpc_status_has_its_http_one() -> None:
    assert set(observation.HTTP_STATUS) == set(grpc.StatusCode)


class _Handler:
    async def CreateOrder(self, request: Any, call: Any) -> Any: ...
    async def GetOrder(self, request: Any, call: Any) -> Any: ...
    async def ListOrders(self, request: Any, call: Any) -> Any: ...
    async def ListAllOrders(self, request: Any, call: Any) -> Any: ...
    async def ListOrderDrifts(self, request: Any, call: Any) -> Any: ...
    async def ListOrderDeadLetters(self, request: Any, call: Any) -> Any: ...
    async def RedriveOrderDeadLetter(self, request: Any, call: Any) -> Any: ...
    async def GetOrderHistory(self, request: Any, call: Any) -> Any: ...
    async def UpdateOrderStatus(self, request: Any, call: Any) -> Any: ...
    async def WatchOrder(self, request: Any, call: Any) -> Any:
        yield

    async def _helper(self) -> None: ...
    def plain(self) -> None: ...


def test_a_handler_fits_its_contract() -> None:
    assert set(server.methods_of(ORDERS, _Handler())) == set(ORDERS.methods)


def test_a_missing_and_an_extra_rpc_are_named() -> None:
    class Wrong(_Handler):
        GetOrder = None  # type: ignore[assignment]

        async def DeleteOrder(self, request: Any, call: Any) -> Any: ...

    with pytest.raises(
        HandlerError, match=r"Wrong for .*OrderService lacks GetOrder, has DeleteOrder, which is no rpc"
    ):
        server.methods_of(ORDERS, Wrong())


def test_a_stream_is_yielded_and_an_answer_returned() -> None:
    class Wrong(_Handler):
        async def GetOrder(self, request: Any, call: Any) -> Any:
            yield

        async def WatchOrder(self, request: Any, call: Any) -> Any: ...

    with pytest.raises(HandlerError, match="GetOrder, which must return one answer") as caught:
        server.methods_of(ORDERS, Wrong())
    assert "WatchOrder, which must yield its answers" in str(caught.value)


async def test_calls_in_flight_are_waited_for() -> None:
    in_flight = InFlight()
    await in_flight.none()
    in_flight.enter()
    in_flight.enter()
    waiting = asyncio.create_task(in_flight.none())
    in_flight.leave()
    await asyncio.sleep(0)
    assert not waiting.done()
    in_flight.leave()
    await waiting


async def test_denied_differs_from_unknown() -> None:
    assert Catalogue({}).fault_of(PermissionDenied()) != Catalogue({}).fault_of(Unauthenticated())
