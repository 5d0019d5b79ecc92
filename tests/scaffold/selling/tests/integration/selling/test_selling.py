"""An order is placed, paid and confirmed through the edge."""

from __future__ import annotations

from tests.support.real_stack import RealStack
from tests.support.shop import Shop


async def test_an_order_is_sold(stack: RealStack) -> None:
    async with Shop(stack) as shop:
        customer = await shop.register()
        order = await customer.order()
        await customer.pay(order)
        await customer.until_order_is(order, "confirmed")
