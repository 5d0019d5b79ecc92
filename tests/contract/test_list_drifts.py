"""The rpc of each service that compares its data with others': what reconciliation found, for the staff alone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import grpc
import pytest

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
    Metadata,
    SignedIn,
    call_rpc,
    fields,
    others_than_staff,
    refused,
    rpcs_that_answer,
    sign_up,
    sign_up_staff,
)
from tests.support.real_stack import RealStack

RPCS = rpcs_that_answer(ListDriftsResponse)
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


def list_drifts(
    channel: grpc.aio.Channel, service: str, metadata: Metadata, **request: object
) -> Awaitable[ListDriftsResponse]:
    """The service's rpc."""
    return call_rpc(channel, RPCS[service], ListDriftsResponse, metadata, **request)


def test_every_service_that_compares_has_one() -> None:
    assert set(RPCS) == set(comparisons())


@pytest.mark.parametrize("service", RPCS)
async def test_staff_read_what_was_found(stack: RealStack, staff: SignedIn, service: str) -> None:
    subjects = sorted(str(uuid.uuid4()) for _ in range(3))
    async with book_of(stack, service) as book, grpc.aio.insecure_channel(stack.grpc_target(service)) as channel:
        for subject in subjects:
            await book.keep(COMPARISON, Drift("differs", subject, "10.00", "9.00"), Known(Outcome.LEFT, 2))
        found, token = [], ""
        while True:
            page = await list_drifts(channel, service, staff.metadata, page_size=2, page_token=token)
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
    async with grpc.aio.insecure_channel(stack.grpc_target(service)) as channel:
        for who, metadata in others_than_staff(stack, staff, await sign_up(stack)).items():
            refusal = await refused(list_drifts(channel, service, metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
        for call, field in (
            (list_drifts(channel, service, staff.metadata, page_size=-1), "pageSize"),
            (list_drifts(channel, service, staff.metadata, page_token="nonsense"), "pageToken"),
        ):
            refusal = await refused(call)
            assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
