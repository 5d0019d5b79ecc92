"""A customer whose program is in another language, with stubs made from the same contract, by gRPC and by gRPC-Web."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support import go_client, invariants
from tests.support.invariants import Baseline
from tests.support.shop import Shop

AT_MOST_SECONDS = 240


@pytest.mark.parametrize("protocol", ["grpc", "grpcweb"])
async def test_go_signs_in_buys_and_watches(shop: Shop, before: Baseline, protocol: str) -> None:
    program = await asyncio.to_thread(go_client.built)
    process = await asyncio.create_subprocess_exec(
        program, "-edge", shop.stack.edge_url, "-protocol", protocol,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), AT_MOST_SECONDS)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert (seen["total"], seen["paid"]) == ("59.98", "succeeded")
    assert (seen["watched"][0], seen["watched"][-1]) == ("pending", "confirmed")
    assert seen["refused"] == {"nobody": "unauthenticated", "nothing": "invalid_argument: items[0].quantity"}
    found = await invariants.hold(shop.stack, before)
    order = found.orders[seen["orderId"]]
    assert (order.user_id, order.status) == (seen["userId"], "confirmed")
    assert [payment.id for payment in found.payments if payment.order_id == order.id] == [seen["paymentId"]]
