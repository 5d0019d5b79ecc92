"""The routes: the page, what it receives, and what it asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import web
from aiohttp.typedefs import Handler

from playground.acts.acting import Acts, AlreadyRunning, BadRequest
from playground.guard import refusal
from playground.orders import Orders
from playground.stream import Message, Stream

PAGE = Path(__file__).parent / "page"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_BEAT_SECONDS = 15.0
_LARGEST_REQUEST = 4_096

Json = Mapping[str, Any]


class Site:
    """The page's server."""

    def __init__(self, port: int, plan: Json, stream: Stream, orders: Orders, acts: Acts) -> None:
        self._port = port
        self._plan = plan
        self._stream = stream
        self._orders = orders
        self._acts = acts

    def application(self) -> web.Application:
        """The HTTP application."""
        app = web.Application(middlewares=[self._guarded], client_max_size=_LARGEST_REQUEST)
        app.router.add_get("/health", _health)
        app.router.add_get("/plan", self._show_plan)
        app.router.add_get("/events", self._events)
        app.router.add_post("/orders/{order}", self._choose)
        app.router.add_post("/acts/{act}", self._act)
        for file in sorted(PAGE.iterdir()):
            if file.suffix in _TYPES:
                app.router.add_get("/" if file.name == "index.html" else f"/{file.name}", _file(file))
        app.on_shutdown.append(self._close)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = refusal(request.method, request.headers, self._port)
        if refused is not None:
            return _refuse(refused.status, refused.text)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = _refuse(error.status, error.reason)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def _show_plan(self, _: web.Request) -> web.Response:
        return web.json_response(self._plan)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        async with self._stream.reading() as reader:
            try:
                while True:
                    message = await _next(reader)
                    if message is None:
                        break
                    await response.write(message)
            except ConnectionError:
                pass  # the page was closed
        return response

    async def _choose(self, request: web.Request) -> web.Response:
        try:
            order = str(UUID(request.match_info["order"]))
        except ValueError:
            return _refuse(400, "order must be an order's id")
        self._orders.choose(order, pin=True)
        return web.json_response({"chosen": order})

    async def _act(self, request: web.Request) -> web.Response:
        name = request.match_info["act"]
        if name not in self._acts:
            return _refuse(404, f"there is no act {name}")
        try:
            asked = await request.json()
            if not isinstance(asked, dict):
                return _refuse(400, "the body must be a JSON object")
            outcome = await self._acts.run(name, asked)
        except AlreadyRunning:
            return _refuse(409, f"{name} is under way already")
        except BadRequest as error:
            return _refuse(400, str(error))
        except ValueError:
            return _refuse(400, "the body must be JSON")
        return web.json_response({"ok": outcome.ok, "text": outcome.text, "facts": dict(outcome.facts)})

    async def _close(self, _: web.Application) -> None:
        await self._stream.close()


async def _next(reader: asyncio.Queue[Message | None]) -> bytes | None:
    """The next message as sent; after a while without any a comment, whose writing shows whether the page is gone."""
    try:
        message = await asyncio.wait_for(reader.get(), _BEAT_SECONDS)
    except TimeoutError:
        return b": still here\n\n"
    if message is None:
        return None
    return f"event: {message.kind}\ndata: {json.dumps(message.data, ensure_ascii=False)}\n\n".encode()


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def send(_: web.Request) -> web.Response:
        return web.Response(
            body=await asyncio.to_thread(path.read_bytes), content_type=_TYPES[path.suffix], charset="utf-8"
        )

    return send


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "SERVING"})


def _refuse(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=_HEADERS)
