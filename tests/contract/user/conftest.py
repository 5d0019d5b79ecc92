"""The user service of the stack, called directly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from argosy.user.v1 import user_pb2_grpc
from tests.contract.support import SignedIn, contents, sign_up
from tests.support.real_stack import RealStack

TABLES = ("users", "user_profiles", "user_sessions", "idempotency_keys", "mail_requests", "mail_asks")


@pytest.fixture
async def users(stack: RealStack) -> AsyncIterator[user_pb2_grpc.UserServiceStub]:
    """The service, over a channel of its own."""
    async with grpc.aio.insecure_channel(stack.grpc_target("user")) as channel:
        yield user_pb2_grpc.UserServiceStub(channel)


@pytest.fixture(scope="module")
async def ada(stack: RealStack) -> SignedIn:
    """Somebody who has registered; whom no test changes."""
    return await sign_up(stack)


@pytest.fixture
async def somebody(stack: RealStack) -> SignedIn:
    """Somebody whom the test has to itself."""
    return await sign_up(stack)


@pytest.fixture(scope="module")
async def bob(stack: RealStack) -> SignedIn:
    """Somebody else; whom no test changes."""
    return await sign_up(stack)


@pytest.fixture
async def unchanged(stack: RealStack, ada: SignedIn, bob: SignedIn) -> AsyncIterator[None]:
    """What the test does leaves the service's data as it was, and announces nothing."""
    events = "(SELECT id, type FROM outbox)"  # not whether the relay has sent them meanwhile
    before = await contents(stack, "user", (*TABLES, events))
    yield
    assert await contents(stack, "user", (*TABLES, events)) == before
