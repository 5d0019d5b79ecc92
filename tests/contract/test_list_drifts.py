"""The rpc of each service that compares its data with others': what reconciliation found, for the staff alone."""

from __future__ import annotations

import importlib
import pkgutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from argosy.reconciliation.v1.drift_pb2 import ListDriftsResponse
from cli.services import comparisons
from facts.system import system
from services.chassis.data.mongo import Mongo
from services.chassis.data.mongo_drifts import MongoDrifts
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_drifts import PostgresDrifts
from services.chassis.plain import clock
from services.chassis.plain.comparison import Drift
from services.chassis.process.reconciliation import DriftBook, Known, Outcome
from tests.contract.support import (
    SignedIn,
    bad_tokens,
    bearer,
    fields,
    refused,
    service_token,
    sign_up,
    sign_up_staff,
)
from tests.support.real_stack import RealStack


def _rpcs() -> Iterator[tuple[str, MethodDescriptor]]:
    for service in system().names:
        package = importlib.import_module(f"argosy.{service}.v1")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.endswith("_pb2"):
                file = importlib.import_module(f"{package.__name__}.{module.name}").DESCRIPTOR
                for descriptor in file.services_by_name.values():
                    for method in descriptor.methods:
                        if method.output_type.full_name == ListDriftsResponse.DESCRIPTOR.full_name:
                            yield service, method


RPCS = dict(_rpcs())
COMPARISON = "contract_test"
"""No service has it, so no look of a service forgets what was found by it."""


@pytest.fixture(scope="module")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


@asynccontextmanager
async def book_of(stack: RealStack, service: str) -> AsyncIterator[DriftBook]:
    """The service's own record."""
    store = system()[service].store
    if store.kind == "mongo":
        mongo = Mongo(stack.mongo_url(store.database or service))
        await mongo.start()
        yield MongoDrifts(mongo, clock.now)
        await mongo.stop()
        return
    postgres = Postgres(stack.postgres_url(service), "contract-test")
    await postgres.start()
    yield PostgresDrifts(postgres)
    await postgres.stop()


def caller_of(channel: grpc.aio.Channel, service: str) -> tuple[Any, Any]:
    """The service's rpc, and the class of its requests."""
    method = RPCS[service]
    rpc: Any = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=ListDriftsResponse.FromString,
    )
    return rpc, GetMessageClass(method.input_type)


def test_every_service_that_compares_has_one() -> None:
    assert set(RPCS) == set(comparisons())


@pytest.mark.parametrize("service", RPCS)
async def test_staff_read_what_was_found(stack: RealStack, staff: SignedIn, service: str) -> None:
    subjects = sorted(str(uuid.uuid4()) for _ in range(3))
    async with book_of(stack, service) as book, grpc.aio.insecure_channel(stack.grpc_target(service)) as channel:
        list_drifts, request_class = caller_of(channel, service)
        for subject in subjects:
            await book.keep(COMPARISON, Drift("differs", subject, "10.00", "9.00"), Known(Outcome.LEFT, 2))
        found, token = [], ""
        while True:
            request = request_class(page_size=2, page_token=token)
            page = await list_drifts(request, metadata=staff.metadata)
            found += [drift for drift in page.drifts if drift.comparison == COMPARISON]
            token = page.next_page_token
            if not token:
                break
        await book.forget(COMPARISON, subjects, [])

    assert [drift.subject for drift in found] == subjects
    first = found[0]
    assert (first.kind, first.ours, first.theirs, first.outcome, first.repairs) == (
        "differs",
        "10.00",
        "9.00",
        "left",
        2,
    )
    assert first.HasField("found_at")
    assert first.HasField("looked_at")


@pytest.mark.parametrize("service", RPCS)
async def test_nobody_else_does_and_pages_are_checked(stack: RealStack, staff: SignedIn, service: str) -> None:
    callers = {"nobody": (), "a customer": (await sign_up(stack)).metadata}
    callers |= {what: bearer(token) for what, token in bad_tokens(stack, staff.id).items()}
    callers["a service"] = bearer(service_token(stack, "order"))
    async with grpc.aio.insecure_channel(stack.grpc_target(service)) as channel:
        call, request_class = caller_of(channel, service)
        for who, metadata in callers.items():
            refusal = await refused(call(request_class(), metadata=metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
        for request, field in (
            (request_class(page_size=-1), "pageSize"),
            (request_class(page_token="nonsense"), "pageToken"),
        ):
            refusal = await refused(call(request, metadata=staff.metadata))
            assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
