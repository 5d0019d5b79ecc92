"""Entry point and wiring: `python -m playground`, a part of the laptop's stack."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from functools import partial

from aiohttp import web

from cli.environment import in_a_service
from facts.system import system
from local import credentials, topology
from local.ports import HOST
from local.stack import Stack
from playground.acts.acting import Act, Acts
from playground.acts.breaking import Breaking
from playground.acts.counting import Counting
from playground.acts.customers import Buyers, Purchases
from playground.acts.scenarios import Scenarios
from playground.acts.stripe import StripeControls
from playground.orders import Orders
from playground.plan import plan
from playground.server import Site
from playground.stream import Stream
from playground.watching.bus import watch_bus
from playground.watching.calls import Calls
from playground.watching.figures import watch_figures
from playground.watching.parts import Parts, watch_parts
from playground.watching.stories import Stories
from services.chassis.plain import logs


def site(stack: Stack) -> Site:
    """Everything, wired."""
    stream = Stream()
    orders = Orders(stream)
    parts = Parts(stack, topology.parts(stack, credentials.read(stack.secrets)))
    calls = Calls(stack, stream)
    stream.watch_with(
        partial(watch_parts, stream, parts),
        partial(watch_figures, stream),
        partial(watch_bus, stream, orders),
        calls.watch,
        Stories(stream, orders, calls).watch,
    )
    acts = Acts(stream, _acts(stack, parts, orders))
    return Site(stack.port("playground"), plan(system(), stack), stream, orders, acts)


def _acts(stack: Stack, parts: Parts, orders: Orders) -> dict[str, Act]:
    stripe, purchases = StripeControls(stack), Purchases()
    breaking = Breaking(parts, stripe)
    scenarios = Scenarios(Buyers(stack, orders, purchases), breaking, stripe)
    return {
        "buy": scenarios.buy,
        "stop": breaking.stop,
        "start": breaking.start,
        "pause": breaking.pause,
        "resume": breaking.resume,
        "kill": breaking.kill,
        "stripe-slow": breaking.slow_stripe,
        "stripe-failing": breaking.failing_stripe,
        "poison": breaking.poison,
        "undo": breaking.undo,
        "count": Counting(stack, purchases, stripe).count,
        "decline": scenarios.decline,
        "three-d-secure": scenarios.three_d_secure,
        "payment-dies": scenarios.payment_dies,
        "bus-away": scenarios.bus_away,
        "crowd": scenarios.crowd,
    }


async def serve(stack: Stack) -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(site(stack).application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, stack.port("playground")).start()
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Run beside the stack that the environment selects."""
    if in_a_service():
        sys.exit("the page of the system at work runs on a laptop, beside the stack of `make up`")
    logs.configure("playground", "info")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it would log each attempt while Kafka is stopped
    asyncio.run(serve(Stack.from_environment()))


if __name__ == "__main__":
    main()
