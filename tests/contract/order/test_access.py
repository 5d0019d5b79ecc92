"""Who may call what, and that whoever may not changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from argosy.order.v1 import order_lookup_pb2, order_lookup_pb2_grpc, order_pb2, order_pb2_grpc
from facts.system import system
from tests.contract.order.conftest import People, an_order
from tests.contract.support import Metadata, bad_tokens, bearer, refused, service_token
from tests.support.real_stack import RealStack

Orders = order_pb2_grpc.OrderServiceStub
Lookup = order_lookup_pb2_grpc.OrderLookupServiceStub
Rpc = Callable[..., Awaitable[Any]]

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def public_rpcs(orders: Orders, product: str, order_id: str) -> dict[str, Rpc]:
    def calling(rpc: Any, request: Any) -> Rpc:
        return lambda metadata: rpc(request, metadata=metadata)

    async def first_of_watch(metadata: Metadata) -> Any:
        stream = orders.WatchOrder(order_pb2.WatchOrderRequest(id=order_id), metadata=metadata)
        try:
            return await stream.read()
        finally:
            stream.cancel()

    cancel = order_pb2.UpdateOrderStatusRequest(id=order_id, status="cancelled")
    return {
        "CreateOrder": calling(orders.CreateOrder, an_order(product)),
        "GetOrder": calling(orders.GetOrder, order_pb2.GetOrderRequest(id=order_id)),
        "ListOrders": calling(orders.ListOrders, order_pb2.ListOrdersRequest()),
        "WatchOrder": first_of_watch,
        "GetOrderHistory": calling(orders.GetOrderHistory, order_pb2.GetOrderHistoryRequest(id=order_id)),
        "UpdateOrderStatus": calling(orders.UpdateOrderStatus, cancel),
    }


@pytest.mark.usefixtures("unchanged")
async def test_without_a_good_token_nobody_may_do_anything(
    orders: Orders, people: People, stack: RealStack, product: str, order: order_pb2.Order
) -> None:
    bad = {name: bearer(token) for name, token in bad_tokens(stack, people.owner.id).items()} | {"none": ()}
    for name, rpc in public_rpcs(orders, product, order.id).items():
        for what, metadata in bad.items():
            refusal = await refused(rpc(metadata))
            assert refusal.code is UNAUTHENTICATED, (name, what)


@pytest.mark.usefixtures("unchanged")
async def test_no_service_may_act_for_a_person(
    orders: Orders, stack: RealStack, product: str, order: order_pb2.Order
) -> None:
    for service in system().names:
        for name, rpc in public_rpcs(orders, product, order.id).items():
            refusal = await refused(rpc(bearer(service_token(stack, service))))
            assert refusal.code is UNAUTHENTICATED, (name, service)


@pytest.mark.usefixtures("unchanged")
async def test_another_ones_order_is_no_order(
    orders: Orders, people: People, product: str, order: order_pb2.Order
) -> None:
    unknown = str(uuid.uuid4())
    on_theirs, on_none = public_rpcs(orders, product, order.id), public_rpcs(orders, product, unknown)
    for name in ("GetOrder", "WatchOrder", "GetOrderHistory", "UpdateOrderStatus"):
        theirs = await refused(on_theirs[name](people.stranger.metadata))
        none = await refused(on_none[name](people.stranger.metadata))
        assert (theirs.code, theirs.reason) == (NOT_FOUND, "ORDER_NOT_FOUND"), name
        assert theirs.message == none.message.replace(unknown, order.id), name
        assert (none.code, none.reason, none.violations) == (theirs.code, theirs.reason, theirs.violations)

    listed = await orders.ListOrders(order_pb2.ListOrdersRequest(), metadata=people.stranger.metadata)
    assert order.id not in [found.id for found in listed.orders]


async def test_the_owner_and_staff_may_look(
    orders: Orders, people: People, product: str, order: order_pb2.Order
) -> None:
    rpcs = public_rpcs(orders, product, order.id)
    for person in (people.owner, people.staff):
        assert await rpcs["GetOrder"](person.metadata) == order
        assert await rpcs["WatchOrder"](person.metadata) == order
        assert [event.type for event in (await rpcs["GetOrderHistory"](person.metadata)).events] == ["ORDER_CREATED"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("status", ["confirmed", "shipped", "delivered"])
async def test_the_owner_may_only_cancel(orders: Orders, people: People, order: order_pb2.Order, status: str) -> None:
    request = order_pb2.UpdateOrderStatusRequest(id=order.id, status=status)
    refusal = await refused(orders.UpdateOrderStatus(request, metadata=people.owner.metadata))
    assert (refusal.code, refusal.reason) == (PERMISSION_DENIED, "OWNER_MAY_ONLY_CANCEL")


@pytest.mark.usefixtures("unchanged")
async def test_only_payment_may_look_orders_up(
    lookup: Lookup, people: People, stack: RealStack, order: order_pb2.Order
) -> None:
    others: dict[str, tuple[Metadata, grpc.StatusCode]] = {
        "nobody": ((), UNAUTHENTICATED),
        "the owner": (people.owner.metadata, UNAUTHENTICATED),
        "staff": (people.staff.metadata, UNAUTHENTICATED),
        "order": (bearer(service_token(stack, "order")), PERMISSION_DENIED),
        "inventory": (bearer(service_token(stack, "inventory")), PERMISSION_DENIED),
        "expired": (bearer(service_token(stack, "payment", exp=1)), UNAUTHENTICATED),
        "another audience": (bearer(service_token(stack, "payment", aud="argosy-public")), UNAUTHENTICATED),
        "another's signature": (bearer(service_token(stack, "inventory", iss="service:payment")), UNAUTHENTICATED),
    }
    for who, (metadata, code) in others.items():
        request = order_lookup_pb2.LookUpOrderRequest(order_id=order.id)
        refusal = await refused(lookup.LookUpOrder(request, metadata=metadata))
        assert refusal.code is code, who


async def test_payment_learns_what_paying_needs(
    lookup: Lookup, payment_service: Metadata, people: People, order: order_pb2.Order
) -> None:
    request = order_lookup_pb2.LookUpOrderRequest(order_id=order.id.upper())
    assert await lookup.LookUpOrder(request, metadata=payment_service) == order_lookup_pb2.OrderSummary(
        order_id=order.id,
        user_id=people.owner.id,
        status="pending",
        total_amount="25.00",
        currency="USD",
        updated_at=order.updated_at,
    )


async def test_an_unknown_order_cannot_be_looked_up(lookup: Lookup, payment_service: Metadata) -> None:
    request = order_lookup_pb2.LookUpOrderRequest(order_id=str(uuid.uuid4()))
    refusal = await refused(lookup.LookUpOrder(request, metadata=payment_service))
    assert (refusal.code, refusal.reason) == (NOT_FOUND, "ORDER_NOT_FOUND")
    malformed = order_lookup_pb2.LookUpOrderRequest(order_id="o1")
    refusal = await refused(lookup.LookUpOrder(malformed, metadata=payment_service))
    assert (refusal.code, refusal.violations[0].field) == (grpc.StatusCode.INVALID_ARGUMENT, "orderId")
