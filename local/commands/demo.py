"""`demo`: a person's purchases on the running stack, told step by step."""

import sys

import httpx
from rich.console import Console

from local.demo.shop import Shop, ShopError
from local.demo.story import Story
from local.demo.watch import WatchError
from local.stack import Stack


def demo(stack: Stack, door: httpx.Client | None = None) -> int:
    """Tell it; 1 when something was not as told."""
    console = Console()
    try:
        with Shop(stack, door) as shop:
            Story(shop, console).tell()
    except (ShopError, WatchError, httpx.HTTPError) as error:
        print(
            f"The story ends here: {error}\n`make status` shows what runs, `make logs` what it says.", file=sys.stderr
        )
        return 1
    console.rule("[bold green]All steps succeeded")
    return 0
