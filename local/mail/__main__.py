"""Entry point: `python -m local.mail`."""

import asyncio
import signal
from functools import partial

from aiohttp import web

from local.files import make_private_directory
from local.mail.api import application
from local.mail.smtp import protocol
from local.mail.store import MailStore
from local.ports import HOST
from local.stack import Stack


async def serve(stack: Stack) -> None:
    """Serve SMTP and HTTP until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    store = MailStore(make_private_directory(stack.data / "mail") / "mails.sqlite")
    runner = web.AppRunner(application(store), access_log=None)
    await runner.setup()
    smtp = await loop.create_server(partial(protocol, store), HOST, stack.port("mail-smtp"))
    try:
        await web.TCPSite(runner, HOST, stack.port("mail-http")).start()
        await stopped.wait()
    finally:
        smtp.close()
        await runner.cleanup()
        store.close()


if __name__ == "__main__":
    asyncio.run(serve(Stack.from_environment()))
