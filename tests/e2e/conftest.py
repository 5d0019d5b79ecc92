"""The whole system, as its customers, its staff and Stripe see it."""

from collections.abc import AsyncIterator

import grpc
import pytest

from tests.support import invariants
from tests.support.fixtures import well_behaved_stripe as well_behaved_stripe
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop


@pytest.fixture(scope="module")
async def before(stack: RealStack) -> Baseline:
    """How things stood before anything was bought in this module."""
    return await invariants.baseline(stack)


@pytest.fixture
async def settled(stack: RealStack, before: Baseline) -> None:
    """Nothing of earlier tests is under way: what changes from now on is this test's doing."""
    await invariants.hold(stack, before)


@pytest.fixture(scope="session")
async def customer(shop: Shop) -> Customer:
    """Somebody with an account, for tests that do not mind what else they do."""
    return await shop.register()


@pytest.fixture(scope="session")
async def stranger(shop: Shop) -> Customer:
    """Somebody else."""
    return await shop.register()


@pytest.fixture(scope="session")
async def staff(shop: Shop) -> Customer:
    """Somebody who works here."""
    return await shop.register_staff()


@pytest.fixture(scope="session")
async def channel(stack: RealStack) -> AsyncIterator[grpc.aio.Channel]:
    """gRPC, through the edge."""
    async with grpc.aio.insecure_channel(stack.edge_target) as channel:
        yield channel
