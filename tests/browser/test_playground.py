"""The page that shows the system at work."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import PATIENCE
from tests.support.real_stack import RealStack

_PICTURES = "ARGOSY_PICTURES"
"""A directory for pictures of the page, for people who want to look at it."""


@pytest.fixture
async def page(browser: Browser, stack: RealStack) -> AsyncIterator[Page]:
    """The open page. Fails if it logged an error, broke its policy or asked another host."""
    address = stack.stack.url("playground", "/")
    trouble: list[str] = []
    context = await browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
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


async def picture(page: Page, name: str) -> None:
    """A picture of the page, if somebody wants one."""
    directory = os.environ.get(_PICTURES)
    if directory:
        await page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


async def test_a_click_buys_and_the_story_grows(page: Page) -> None:
    await page.click("#buy")
    await expect(page.locator("#outcomes li.good").first).to_contain_text("confirmed")
    await expect(page.locator("#story li.mail").first).to_be_visible()
    await expect(page.locator("#bus li", has_text="ORDER_CREATED").first).to_be_visible()
    await picture(page, "bought")


async def test_the_map_shows_what_is_stopped(page: Page) -> None:
    await page.select_option("#part", "kafka")
    await page.click("button[data-act=stop]")
    await expect(page.locator("[data-node=kafka]")).to_have_attribute("data-state", "stopped")
    await picture(page, "kafka_stopped")
    await page.click("#undo")
    await expect(page.locator("[data-node=kafka]")).to_have_attribute("data-state", "ready")


async def test_a_step_of_the_tour_by_keyboard(page: Page) -> None:
    await page.focus("#step-decline")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-step=decline]")).to_have_class("good")
    await expect(page.locator("#counts tr")).to_have_count(5)
    await picture(page, "toured")


async def test_on_a_phone_nothing_but_the_map_scrolls_sideways(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await picture(page, "phone")
