"""Customers at a real browser: Debian's Chromium, driven by Playwright, in front of the real system."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.browser import PATIENCE, PolicyReports, Trouble, Visitor
from tests.support.fixtures import well_behaved_stripe as well_behaved_stripe
from tests.support.shop import Customer, Shop

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
_MISSING = "tests/browser need Chromium, which is not installed: apt-get install chromium"

Open = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session", autouse=True)
async def browser() -> AsyncIterator[Browser]:
    """One browser for the run. Without Chromium, the tests are skipped, before a stack is started."""
    if CHROMIUM is None:
        pytest.skip(_MISSING)
    # Chromium's own sandbox needs another user than root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=PATIENCE)
        yield browser
        await browser.close()


@pytest.fixture(scope="module", autouse=True)
async def policy_reports(browser: Browser, shop: Shop) -> AsyncIterator[PolicyReports]:
    """The count of violations. Fails if the pages of a module have made others than its tests wanted."""
    reports = PolicyReports(shop)
    before = await reports.counted()
    yield reports
    assert await reports.counted() - before == reports.expected


@pytest.fixture(scope="session")
async def staff(shop: Shop) -> Customer:
    """Somebody of the staff without a browser, to look at what there is."""
    return await shop.register_staff()


@pytest.fixture
async def open_window(browser: Browser, shop: Shop) -> AsyncIterator[Open]:
    """`await open_window(**settings of the context)` → a visitor with a window of their own.

    Fails if a page logged an error, broke its policy or asked another host.
    """
    visitors: list[Visitor] = []

    async def open_one(**settings: Any) -> Visitor:
        origin = os.environ.get("ARGOSY_TEST_WEB_URL", shop.stack.edge_url)
        settings = {"base_url": origin, "locale": "en-US", **settings}
        context = await browser.new_context(**settings)
        context.set_default_timeout(PATIENCE)
        trouble = Trouble(origin)
        trouble.listen(context)
        visitors.append(Visitor(shop, context, await context.new_page(), trouble))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        await visitor.context.close()
    assert [text for visitor in visitors for text in visitor.trouble.found] == []


@pytest.fixture
async def visitor(open_window: Open) -> Visitor:
    """Somebody at a desktop's browser."""
    return await open_window(viewport={"width": 1280, "height": 900})


@pytest.fixture
async def clerk(open_window: Open) -> Visitor:
    """Somebody of the staff who has just signed in, at a desktop's browser of their own."""
    clerk = await open_window(viewport={"width": 1280, "height": 900})
    await clerk.sign_in_as_staff()
    return clerk


@pytest.fixture
async def ada(visitor: Visitor) -> Visitor:
    """Somebody who has just created an account."""
    await visitor.sign_up()
    return visitor
