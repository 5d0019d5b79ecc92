"""What must be there before arrivals come: their accounts, and goods."""

from __future__ import annotations

import asyncio

from tests.load.profiles import CURIO, Profile, Visit
from tests.support.shop import PRODUCT, Customer, Shop

_REGISTERED_AT_ONCE = 2
_ENOUGH = 1_000_000


async def fill_shelves(shop: Shop, chosen: Profile) -> None:
    """Put goods into stock: enough for everybody, and the pieces of a flash sale."""
    staff = await shop.register_staff()
    if chosen.pieces:
        curio = {"id": CURIO, "name": "Curio", "description": "", "price": 10, "currency": "USD"}
        (await staff.call("POST", "/products", curio)).raise_for_status()
    for product, pieces in ((PRODUCT, _ENOUGH), (CURIO, chosen.pieces)):
        if pieces:
            delta = {"delta": pieces, "reason": "load profile"}
            (await staff.call("POST", f"/products/{product}/stock", delta)).raise_for_status()


async def register(shop: Shop, chosen: Profile) -> list[dict[str, str]]:
    """The profile's accounts, as k6.js reads them: id, token, and an order to read."""
    limit = asyncio.Semaphore(_REGISTERED_AT_ONCE)

    async def one() -> dict[str, str]:
        async with limit:
            person: Customer = await shop.register()
        order = (await person.order())["id"] if Visit.READER in chosen.visits else ""
        return {"id": person.id, "token": person.token, "order": order}

    return await asyncio.gather(*(one() for _ in range(chosen.people)))
