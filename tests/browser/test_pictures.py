"""The pictures of README. They are small; `make pictures` renews them."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.async_api import Browser, expect

from local.paths import ROOT
from tests.browser.conftest import Open
from tests.browser.test_playground import buy, opened
from tests.support.looks import SCREENS, small_picture
from tests.support.real_stack import RealStack

MOST_BYTES = 60_000
DIRECTORY = ROOT / os.environ.get("ARGOSY_PICTURES", str(SCREENS / "readme"))
"""Where they go."""
SCALE = 0.65


def is_small(path: Path) -> bool:
    return 0 < path.stat().st_size <= MOST_BYTES


async def test_the_shop(open_window: Open) -> None:
    visitor = await open_window(viewport={"width": 1280, "height": 900})
    await visitor.put_in("Storm lantern")
    await visitor.go("/")
    await expect(visitor.link("Sextant")).to_be_visible()
    path = DIRECTORY / "shop.webp"
    await small_picture(visitor.page, path, SCALE)
    assert is_small(path)


async def test_the_system_at_work(browser: Browser, stack: RealStack) -> None:
    path = DIRECTORY / "system_at_work.webp"
    async with opened(browser, stack) as page:
        await buy(page)
        await small_picture(page, path, SCALE)
    assert is_small(path)
