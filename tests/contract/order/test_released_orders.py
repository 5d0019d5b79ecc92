"""Orders that a released version stored, through the service of today."""

from __future__ import annotations

import json
import uuid

import pytest
from google.protobuf.json_format import MessageToDict
from motor.motor_asyncio import AsyncIOMotorDatabase

from argosy.order.v1 import order_pb2, order_pb2_grpc
from tests.contract.order.conftest import Document
from tests.contract.support import sign_up
from tests.golden import corpus
from tests.support.real_stack import RealStack

ORDERS = corpus.orders()
RELEASES = sorted({release for release, _ in ORDERS})


@pytest.mark.parametrize("release", RELEASES)
async def test_a_releases_orders_are_answered_as_they_were(
    stack: RealStack,
    orders: order_pb2_grpc.OrderServiceStub,
    documents: AsyncIOMotorDatabase[Document],
    release: str,
) -> None:
    owner = await sign_up(stack)
    stored = []
    for released, order in ORDERS:
        # A pending order of months ago would be cancelled for want of a payment.
        if released == release and order["answer"]["status"] != "pending":
            names = {order["answer"]["id"]: str(uuid.uuid4()), order["answer"]["userId"]: owner.id}
            text = json.dumps(order)
            for released_id, own in names.items():
                text = text.replace(released_id, own)
            stored.append(json.loads(text))
    try:
        for order in stored:
            await documents["orders"].insert_one(corpus.document(order["shown"]))
            for commit in order["commits"]:
                await documents["commits"].insert_one(corpus.document(commit))
        await documents["shelves"].insert_one({"_id": owner.id, "orders": len(stored)})

        answers = {}
        for order in stored:
            request = order_pb2.GetOrderRequest(id=order["answer"]["id"])
            answer = await orders.GetOrder(request, metadata=owner.metadata)
            answers[answer.id] = answer
            assert {**MessageToDict(answer), **order["answer"]} == MessageToDict(answer)
        page = await orders.ListOrders(order_pb2.ListOrdersRequest(), metadata=owner.metadata)
        assert {order.id: order for order in page.orders} == answers
    finally:
        for order in stored:
            await documents["orders"].delete_many({"_id": order["answer"]["id"]})
            await documents["commits"].delete_many({"orderId": order["answer"]["id"]})
        await documents["shelves"].delete_many({"_id": owner.id})
