"""The rpcs of services that consume events: what one could not handle, listed and handled again, by staff alone."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from argosy.deadletter.v1.dead_letter_pb2 import DeadLetter, ListDeadLettersResponse, RedriveDeadLetterResponse
from facts.system import system
from services.chassis.bus.dead_letters import Reason
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
from tests.support.letters import make_dead
from tests.support.real_stack import RealStack
from tests.support.shop import Shop


def _rpcs(answer: str) -> Iterator[tuple[str, MethodDescriptor]]:
    for service in system().names:
        package = importlib.import_module(f"argosy.{service}.v1")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.endswith("_pb2"):
                file = importlib.import_module(f"{package.__name__}.{module.name}").DESCRIPTOR
                for descriptor in file.services_by_name.values():
                    for method in descriptor.methods:
                        if method.output_type.full_name == answer:
                            yield service, method


LISTS = dict(_rpcs(ListDeadLettersResponse.DESCRIPTOR.full_name))
REDRIVES = dict(_rpcs(RedriveDeadLetterResponse.DESCRIPTOR.full_name))
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

    def page(self, metadata: Any, **request: Any) -> Any:
        return self._call(LISTS[self.service], ListDeadLettersResponse, request, metadata)

    def redrive(self, metadata: Any, letter: str) -> Any:
        return self._call(REDRIVES[self.service], RedriveDeadLetterResponse, {"id": letter}, metadata)

    def _call(self, method: MethodDescriptor, answer: Any, request: Any, metadata: Any) -> Any:
        call: Any = self.channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return call(GetMessageClass(method.input_type)(**request), metadata=metadata)

    async def everything(self, metadata: Any) -> list[DeadLetter]:
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
    callers = {"nobody": (), "a customer": (await sign_up(stack)).metadata}
    callers |= {what: bearer(token) for what, token in bad_tokens(stack, staff.id).items()}
    callers["a service"] = bearer(service_token(stack, "order"))
    for who, metadata in callers.items():
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
