"""Reflection through the edge: the public services of all processes in one list, and nothing of the internal ones."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from tests.integration.edge.harness import FILES, Upstream

VERSIONS = ("v1", "v1alpha")
PUBLIC = {
    "argosy.inventory.v1.ProductService",
    "argosy.notification.v1.NotificationService",
    "argosy.order.v1.OrderService",
    "argosy.payment.v1.PaymentService",
    "argosy.user.v1.UserService",
}
INTERNAL = {
    service.full_name for file in FILES for service in file.DESCRIPTOR.services_by_name.values()
} - PUBLIC  # fmt: skip


async def ask(channel: grpc.aio.Channel, version: str, *questions: dict[str, str]) -> list[Any]:
    """What is answered to each question, on one stream."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )

    async def asked() -> AsyncIterator[Any]:
        for question in questions:
            yield reflection_pb2.ServerReflectionRequest(**question)

    return [answer async for answer in call(asked(), timeout=20)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_exactly_the_public_services_are_listed(
    channel: grpc.aio.Channel, upstream: Upstream, version: str
) -> None:
    (answer,) = await ask(channel, version, {"list_services": ""})
    assert {service.name for service in answer.list_services_response.service} == PUBLIC
    assert not upstream.calls


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_is_described_with_all_that_it_imports(channel: grpc.aio.Channel, version: str) -> None:
    questions = [{"file_containing_symbol": name} for name in sorted(PUBLIC)]
    for question, answer in zip(questions, await ask(channel, version, *questions), strict=True):
        described = [
            FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto
        ]
        services = {f"{file.package}.{service.name}" for file in described for service in file.service}
        assert services == {question["file_containing_symbol"]}
        names = {file.name for file in described}
        assert {imported for file in described for imported in file.dependency} <= names


async def test_internal_services_and_their_files_are_unknown(channel: grpc.aio.Channel) -> None:
    assert INTERNAL
    questions = [
        *({"file_containing_symbol": name} for name in sorted(INTERNAL)),
        {"file_containing_symbol": "argosy.inventory.v1.ReserveStockRequest"},
        {"file_containing_symbol": "argosy.event.v1.OrderCreated"},
        {"file_by_filename": "argosy/inventory/v1/reservation.proto"},
        {"file_by_filename": "argosy/order/v1/order_lookup.proto"},
    ]
    for answer in await ask(channel, "v1", *questions):
        assert answer.WhichOneof("message_response") == "error_response"
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
