"""`demo`: makes purchases on the running stack, step by step."""

import sys

import httpx
from rich.console import Console

from local.demo.shop import Shop, ShopError
from local.demo.story import Story
from local.demo.watch import WatchError
from local.stack import Stack


def demo(stack: Stack, door: httpx.Client | None = None) -> int:
    """Run the demo. Returns 1 if a step had another result than expected."""
    console = Console()
    try:
        with Shop(stack, door) as shop:
            Story(shop, console).tell()
    except (ShopError, WatchError, httpx.HTTPError) as error:
        print(
            f"The demo stops here: {error}\n`make status` shows the state of each part, `make logs` its log.",
            file=sys.stderr,
        )
        return 1
    console.rule("[bold green]All steps succeeded")
    return 0
