"""Entry point: `python -m local.traces`."""

import asyncio
import signal

from local.files import make_private_directory
from local.stack import Stack
from local.traces.receiver import server
from local.traces.store import SpanStore

_GRACE_SECONDS = 5


async def serve(stack: Stack) -> None:
    """Receive spans until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    store = SpanStore(make_private_directory(stack.traces_directory))
    receiver = server(store, stack.address("traces"))
    try:
        await receiver.start()
        await stopped.wait()
    finally:
        await receiver.stop(_GRACE_SECONDS)
        store.close()


if __name__ == "__main__":
    asyncio.run(serve(Stack.from_environment()))
