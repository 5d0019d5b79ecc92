"""`python -m web`: serves the app until SIGTERM or SIGINT, then drains."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from services.chassis.plain import logs
from services.chassis.process.admin import Admin, listener
from services.chassis.process.readiness import Readiness
from services.chassis.process.settings import load
from web.files import NoApp
from web.server import Site, application
from web.settings import WebSettings

NAME = "web"
_log = structlog.get_logger()


async def serve(settings: WebSettings, site: Site) -> None:
    """Serve both ports until a signal. Raises OSError if a port is in use."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    readiness = Readiness(lambda _: None)
    admin = Admin(NAME, readiness)
    runner = web.AppRunner(application(site), access_log=None, shutdown_timeout=settings.drain_grace_seconds)
    await runner.setup()
    try:
        await web.SockSite(runner, listener(settings.host, settings.web_port)).start()
        await admin.start(settings.host, settings.admin_port)
        await readiness.run()
        _log.info("listening", web_port=settings.web_port, admin_port=settings.admin_port)
        await stopped.wait()
        _log.info("draining")
        readiness.close()
        await asyncio.sleep(settings.drain_settle_seconds)
    finally:
        await runner.cleanup()
        await admin.stop()


def main() -> int:
    """Serve. Returns the exit code: 1 if there is no built app or a port is in use."""
    settings = load(WebSettings)
    logs.configure(NAME, settings.log_level)
    try:
        uvloop.run(serve(settings, Site(settings.web_directory)))
    except (NoApp, OSError) as problem:
        _log.error("not_started", error=logs.error_text(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
