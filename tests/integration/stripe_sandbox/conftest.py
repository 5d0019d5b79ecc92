"""One sandbox process, one receiver of its webhooks, and stripe-python in between, watched by Stripe's OpenAPI.

Whatever passes between stripe-python and the sandbox in any test here is checked: an answer must fit Stripe's schemas,
and a request that the sandbox took must be one that stripe-mock takes too.
"""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from tests.integration.stripe_sandbox.openapi import OpenApi, StripeMock
from tests.integration.stripe_sandbox.receiver import Receiver
from tests.integration.stripe_sandbox.sandbox_process import API_KEY, SandboxProcess

_TAKEN = (200, 402)


class WatchedHttpClient(stripe.HTTPXClient):
    """stripe-python's client, with an eye on what it sends and gets."""

    def __init__(self, openapi: OpenApi, mock: StripeMock) -> None:
        super().__init__()
        self._openapi = openapi
        self._mock = mock
        self.answers: list[Mapping[str, str]] = []
        """The headers of every answer."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        content, status, answer_headers = await super().request_async(method, url, headers, post_data)
        self.answers.append(answer_headers)
        parts = urlsplit(url)
        self._openapi.check_answer(method, parts.path, status, json.loads(content))
        if status in _TAKEN:
            query = f"?{parts.query}" if parts.query else ""
            await self._mock.check_request(method.upper(), parts.path + query, post_data or None)
        return content, status, answer_headers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """stripe-python hands its forms to httpx in a way that httpx calls deprecated; that is theirs to settle."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))


@pytest.fixture(scope="session")
def openapi() -> OpenApi:
    return OpenApi()


@pytest.fixture(scope="session")
async def stripe_mock(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeMock]:
    mock = StripeMock(tmp_path_factory.mktemp("mock"))
    await mock.start()
    yield mock
    await mock.close()


@pytest.fixture(scope="session")
async def shared_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.close()


@pytest.fixture(scope="session")
async def shared_sandbox(
    shared_receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("stripe"), shared_receiver.url)
    await process.start()
    yield process
    await process.close()


@pytest.fixture
async def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """The process that all tests share, behaving well when a test begins."""
    await shared_sandbox.reset_controls()
    return shared_sandbox


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    """The receiver that all tests share; distinguish your events by their payment."""
    return shared_receiver


@pytest.fixture
async def http_client(openapi: OpenApi, stripe_mock: StripeMock) -> AsyncIterator[WatchedHttpClient]:
    client = WatchedHttpClient(openapi, stripe_mock)
    yield client
    await client.close_async()  # type: ignore[no-untyped-call]


@pytest.fixture
async def client(sandbox: SandboxProcess, http_client: WatchedHttpClient) -> stripe.StripeClient:
    """stripe-python as the payment service has it, without its own retries."""
    return stripe.StripeClient(
        API_KEY, base_addresses={"api": sandbox.url}, http_client=http_client, max_network_retries=0
    )


@pytest.fixture
def payment_id() -> str:
    """A payment that no other test has."""
    return str(uuid.uuid4())
