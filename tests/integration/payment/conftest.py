"""A lab on a database of the module's own, and the run's Stripe sandbox, behaving well when a test begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

import services.payment
from services.chassis.data.postgres import Postgres
from services.payment.adapters.stripe.client import StripeProvider
from tests.integration.payment.lab import Lab, StripeSide
from tests.support.real_stack import RealStack

MIGRATIONS = Path(services.payment.__file__).parent / "migrations"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """stripe-python hands its forms to httpx in a way that httpx calls deprecated; that is theirs to settle."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))


@pytest.fixture(scope="module")
async def postgres(postgres_url: str) -> AsyncIterator[Postgres]:
    postgres = Postgres(postgres_url, "payment-test", MIGRATIONS)
    await postgres.start()
    yield postgres
    await postgres.stop()


@pytest.fixture(scope="module")
async def sandbox(stripe_sandbox: RealStack) -> AsyncIterator[StripeSide]:
    side = StripeSide(stripe_sandbox)
    yield side
    await side.behave()  # tests of other folders share the sandbox
    await side.close()


@pytest.fixture(scope="module")
async def gateway(stripe_sandbox: RealStack) -> AsyncIterator[StripeProvider]:
    key = SecretStr(stripe_sandbox.secrets.stripe_api_key)
    gateway = StripeProvider(key, stripe_sandbox.stripe_url, timeout=5, leave_alone=0)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def lab(postgres: Postgres, gateway: StripeProvider, sandbox: StripeSide) -> Lab:
    await sandbox.settle_quickly()
    # What other tests left open is none of this one's business; the books cannot be emptied.
    await postgres.execute("UPDATE payments SET check_at = NULL")
    await postgres.execute("UPDATE refunds SET check_at = NULL")
    return Lab(postgres, gateway, sandbox)
