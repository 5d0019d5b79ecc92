"""People who buy through the gateway all the while, each call sent once; what fails is kept."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

import httpx

from local.demo.shop import Shop, ShopError
from local.stack import Stack
from mesh.door import door

_PAUSE_SECONDS = 1.5
"""Fifty payments a minute are one person's allowance."""


class Customers:
    """So many people, each in a thread of their own, from entering to leaving."""

    def __init__(self, stack: Stack, count: int) -> None:
        self.failures: list[str] = []
        self.calls: Counter[str] = Counter()
        """How many calls were answered, by method and kind of path."""
        self._stack = stack
        self._over = threading.Event()
        self._people = [threading.Thread(target=self._buy, daemon=True) for _ in range(count)]

    def __enter__(self) -> Self:
        for person in self._people:
            person.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for person in self._people:
            person.join()

    def _buy(self) -> None:
        client = door(self._stack)
        client.event_hooks["response"] = [self._count]
        with Shop(self._stack, client) as shop:
            self._noting(shop.register)
            while not self._over.wait(_PAUSE_SECONDS):
                self._noting(lambda: self._purchase(shop, client))

    def _purchase(self, shop: Shop, client: httpx.Client) -> None:
        product = shop.product("prod-123")
        order = shop.order("prod-123", 1, product["price"])
        shop.pay(order, "pm_card_visa")
        for path in (f"/orders/{order['id']}", "/users/me", "/notifications"):
            answer = client.get(path)
            if answer.status_code != httpx.codes.OK:
                raise ShopError(f"GET {path}: {answer.status_code} {answer.text}")

    def _noting(self, act: Any) -> None:
        try:
            act()
        except (ShopError, httpx.HTTPError) as failure:
            self.failures.append(f"{time.strftime('%X')} {type(failure).__name__}: {failure}")

    def _count(self, answer: httpx.Response) -> None:
        kind = answer.request.url.path.removeprefix("/api/v1/").partition("/")[0]
        self.calls[f"{answer.request.method} {kind}"] += 1
