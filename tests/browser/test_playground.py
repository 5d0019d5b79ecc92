"""The page that shows the system at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.support.browser import PATIENCE
from tests.support.looks import picture, problems
from tests.support.real_stack import RealStack

DESKTOP, PHONE = ViewportSize(width=1440, height=1000), ViewportSize(width=390, height=844)


@asynccontextmanager
async def opened(browser: Browser, stack: RealStack, **settings: Any) -> AsyncIterator[Page]:
    """The open page. Fails if it logged an error, broke its policy or asked another host."""
    address = stack.stack.url("playground", "/")
    trouble: list[str] = []
    context = await browser.new_context(viewport=DESKTOP, reduced_motion="reduce", **settings)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda one: trouble.append(one.url) if not one.url.startswith(address) else None)
    await page.goto(address)
    await expect(page.locator("#live")).to_have_text("live")
    yield page
    await page.click("#undo")
    await expect(page.locator("#outcomes li.good", has_text="undo").first).to_be_visible()
    await context.close()
    assert trouble == []


@pytest.fixture
async def page(browser: Browser, stack: RealStack) -> AsyncIterator[Page]:
    """The open page, under its policy."""
    async with opened(browser, stack) as page:
        yield page


async def buy(page: Page) -> None:
    """Press the button, and wait until the story is whole."""
    await page.click("#buy")
    await expect(page.locator("#outcomes li.good").first).to_contain_text("confirmed")
    await expect(page.locator("#story li.mail").first).to_be_visible()
    await expect(page.locator("#bus li", has_text="ORDER_CREATED").first).to_be_visible()


async def test_a_click_buys_and_the_story_grows(page: Page) -> None:
    await buy(page)


async def test_the_map_shows_what_is_stopped(page: Page) -> None:
    await page.select_option("#part", "kafka")
    await page.click("button[data-act=stop]")
    await expect(page.locator("[data-node=kafka]")).to_have_attribute("data-state", "stopped")
    await picture(page, "map-kafka-stopped")
    await page.click("#undo")
    await expect(page.locator("[data-node=kafka]")).to_have_attribute("data-state", "ready")


async def test_a_step_of_the_tour_by_keyboard(page: Page) -> None:
    await page.focus("#step-decline")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-step=decline]")).to_have_class("good")
    await expect(page.locator("#counts tr")).to_have_count(5)
    await picture(page, "map-toured")


async def test_the_page_looks_right(browser: Browser, stack: RealStack) -> None:
    found: dict[str, Any] = {}
    async with opened(browser, stack, bypass_csp=True) as page:
        await buy(page)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for size in (DESKTOP, PHONE):
                await page.set_viewport_size(size)
                name = f"map-{scheme}-{size['width']}"
                await picture(page, name)
                if wrong := await problems(page):
                    found[name] = wrong
    assert found == {}
