"""`python -m stripe_sandbox`: wires the sandbox and serves it until SIGTERM."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from stripe_sandbox import settings as environment
from stripe_sandbox.controls import Controls
from stripe_sandbox.delivery import Deliverer
from stripe_sandbox.engine import Engine
from stripe_sandbox.later import Later
from stripe_sandbox.render import Renderer
from stripe_sandbox.server import application
from stripe_sandbox.settings import Settings
from stripe_sandbox.store import Store

_DATABASE = "stripe.sqlite3"
_SHUTDOWN_SECONDS = 3  # for requests in progress; clients of interrupted ones retry with their key


def build(settings: Settings) -> web.Application:
    """The whole sandbox as an application. Its background tasks run while it serves."""
    store = Store(settings.data / _DATABASE)
    controls = Controls(search_lag_seconds=settings.search_lag_seconds)
    engine = Engine(store, Renderer(settings.public_url), controls, settings.delivered)
    deliverer = Deliverer(store, engine.controls, settings.webhook_url, settings.webhook_secret.get_secret_value())
    later = Later(engine)
    engine.on_change(deliverer.wake)
    engine.on_change(later.wake)
    app = application(engine, settings.api_key.get_secret_value(), deliverer.wake)

    async def background(_: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(deliverer.run()), asyncio.create_task(later.run())]
        for task in tasks:
            task.add_done_callback(_stop_when_failed)
        yield
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        store.close()

    app.cleanup_ctx.append(background)
    return app


def _stop_when_failed(task: asyncio.Task[None]) -> None:
    """Stop the process when its background task fails: it would give wrong answers otherwise."""
    if not task.cancelled() and task.exception() is not None:
        structlog.get_logger().error("background work failed", exc_info=task.exception())
        raise SystemExit(1)


def main() -> None:
    settings = environment.load()
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", key="time"),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    web.run_app(
        build(settings),
        host=settings.host,
        port=settings.port,
        access_log=None,
        print=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
