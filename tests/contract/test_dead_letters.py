"""The rpcs of services that consume events: what one could not handle, listed and handled again, by staff alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from argosy.deadletter.v1.dead_letter_pb2 import DeadLetter, ListDeadLettersResponse, RedriveDeadLetterResponse
from facts.system import system
from services.chassis.bus.dead_letters import Reason
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
from tests.support.letters import make_dead
from tests.support.real_stack import RealStack
from tests.support.shop import Shop

LISTS = rpcs_that_answer(ListDeadLettersResponse)
REDRIVES = rpcs_that_answer(RedriveDeadLetterResponse)
UNKNOWN = "order-events.0.999999999"


def test_what_is_listed_can_be_redriven() -> None:
    consuming = {name for name in system().names if system().consumed(name)}
    assert set(LISTS) == set(REDRIVES) <= consuming
    assert LISTS


@dataclass
class Box:
    """The two rpcs of one service."""

    service: str
    channel: grpc.aio.Channel

    def page(self, metadata: Metadata, **request: object) -> Awaitable[Any]:
        return call_rpc(self.channel, LISTS[self.service], ListDeadLettersResponse, metadata, **request)

    def redrive(self, metadata: Metadata, letter: str) -> Awaitable[Any]:
        return call_rpc(self.channel, REDRIVES[self.service], RedriveDeadLetterResponse, metadata, id=letter)

    async def everything(self, metadata: Metadata) -> list[DeadLetter]:
        """All pages, of one letter each."""
        found: list[DeadLetter] = []
        token = ""
        while True:
            page = await self.page(metadata, page_size=1, page_token=token)
            found += page.letters
            token = page.next_page_token
            if not token:
                return found


@pytest.fixture(params=LISTS)
async def box(stack: RealStack, request: pytest.FixtureRequest) -> AsyncIterator[Box]:
    async with grpc.aio.insecure_channel(stack.grpc_target(request.param)) as channel:
        yield Box(request.param, channel)


@pytest.fixture(scope="module")
async def staff(stack: RealStack) -> SignedIn:
    return await sign_up_staff(stack)


@pytest.fixture(scope="module")
async def order(shop: Shop) -> str:
    """The id of an order that is confirmed: every service has had events of it."""
    customer = await shop.register()
    placed = await customer.order()
    await customer.pay(placed)
    await customer.until_order_is(placed, "confirmed")
    return str(placed["id"])


async def test_staff_see_the_letters_of_a_service_and_have_one_handled_again(
    box: Box, stack: RealStack, staff: SignedIn, order: str
) -> None:
    failed = await make_dead(stack, box.service, order)
    unreadable = await make_dead(stack, box.service, order, Reason.UNREADABLE)
    letters = await box.everything(staff.metadata)
    ids = [letter.id for letter in letters]
    assert ids.index(failed) < ids.index(unreadable)
    letter = letters[ids.index(failed)]
    assert (letter.reason, letter.attempts, letter.redrivable) == ("failed", 5, True)
    assert letter.error == "RuntimeError: a fault of the past"
    assert letter.type
    assert letter.event_id
    assert letter.HasField("dead_since")
    assert not letters[ids.index(unreadable)].redrivable

    await box.redrive(staff.metadata, failed)
    left = [letter.id for letter in await box.everything(staff.metadata)]
    assert failed not in left
    assert unreadable in left
    refusal = await refused(box.redrive(staff.metadata, failed))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


async def test_nobody_else_does_and_requests_are_checked(box: Box, stack: RealStack, staff: SignedIn) -> None:
    for who, metadata in others_than_staff(stack, staff, await sign_up(stack)).items():
        for call in (box.page(metadata), box.redrive(metadata, UNKNOWN)):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who
    assert (await refused(box.redrive(staff.metadata, UNKNOWN))).code is grpc.StatusCode.NOT_FOUND
    for call, field in (
        (box.page(staff.metadata, page_size=-1), "pageSize"),
        (box.page(staff.metadata, page_token="nonsense"), "pageToken"),
        *((box.redrive(staff.metadata, wrong), "id") for wrong in ("", "order-events", "order-events.0.x", "a/0/1")),
    ):
        refusal = await refused(call)
        assert (refusal.code, fields(refusal)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
