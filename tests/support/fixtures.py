"""Fixtures of some of the folders under tests/. A conftest.py takes part by importing them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.shop import Shop


@pytest.fixture(autouse=True)
async def well_behaved_stripe(shop: Shop) -> AsyncIterator[None]:
    """Ends with each test what it asks of the Stripe sandbox."""
    yield
    await shop.sandbox.behave()
