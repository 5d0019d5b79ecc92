"""How pages look: what is wrong with them, and pictures of them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from local.paths import ROOT, STACKS

SCREENS = STACKS / "screens"
_AXE = ROOT / "web" / "app" / "node_modules" / "axe-core" / "axe.min.js"
_LOOKS = Path(__file__).with_name("looks.js").read_text()
_QUALITY = 80
_TO_THE_TOP = "scrollTo(0, 0); new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


async def violations(page: Page) -> list[Any]:
    """What axe finds.

    The page's context must have `bypass_csp`: axe is a script that the policy of the pages refuses.
    """
    await page.add_script_tag(path=_AXE)
    found = await page.evaluate("axe.run(document)")
    return [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]


async def problems(page: Page) -> list[Any]:
    """What axe finds, and what looks.js finds: overflow, cut texts, controls over one another, no heading."""
    return [*await violations(page), *await page.evaluate(_LOOKS)]


async def picture(page: Page, name: str) -> None:
    """Save the whole page for people, in `.local/screens`."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENS / f"{name}.png", full_page=True, animations="disabled")


async def small_picture(page: Page, path: Path, scale: float) -> None:
    """Save the top of the page as WebP, at a scale. What is not in the window is not drawn."""
    await page.evaluate(_TO_THE_TOP)
    client = await page.context.new_cdp_session(page)
    size = page.viewport_size
    assert size is not None
    clip = {"x": 0, "y": 0, **size, "scale": scale}
    shot = await client.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY, "clip": clip})
    await client.detach()
    _write(path, base64.b64decode(shot["data"]))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
