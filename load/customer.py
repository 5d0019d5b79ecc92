"""A new customer who calls the edge of a running stack."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

import httpx

from load.session import API, register
from local.stack import Stack

_CALL_SECONDS = 60.0


class Customer:
    """Registers when the block begins. Calls raise httpx.HTTPError for any other answer than 2xx."""

    email: str

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.AsyncClient(base_url=stack.url("edge", API), timeout=_CALL_SECONDS, trust_env=False)

    async def __aenter__(self) -> Self:
        account = await asyncio.to_thread(register, self.stack)
        self.email = account.email
        self.http.headers["Authorization"] = f"Bearer {account.token}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def get(self, path: str) -> dict[str, Any]:
        """What is read at a path of the API."""
        return _answered(await self.http.get(path))

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What is answered to a body."""
        return _answered(await self.http.post(path, json=body))


async def at_once(callers: int, numbers: Iterable[int], make: Callable[[int], Awaitable[Any]]) -> None:
    """Make the call of each number: so many callers, each one call after another."""
    left = iter(numbers)

    async def one_after_another() -> None:
        for number in left:
            await make(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(one_after_another())


def _answered(answer: httpx.Response) -> dict[str, Any]:
    answered: dict[str, Any] = answer.raise_for_status().json()
    return answered
