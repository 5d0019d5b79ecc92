"""Serves the app's files. Another path is a page of the app: it gets index.html, whose scripts show the page."""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Counter

from services.chassis.process.metrics import show_from_the_start
from web import reports
from web.files import INDEX, File, Files, Form, read
from web.headers import EVERY_FILE, EVERY_PAGE, REPORTS

_PLAIN = "identity"

_requests = Counter("argosy_web_requests_total", "Responses of the web server, by status.", ["status"])
show_from_the_start(_requests, ["200", "204", "304", "400", "404", "405", "413"])


class Site:
    """The files of one directory. A new build replaces them: the next page comes from it."""

    def __init__(self, directory: Path) -> None:
        """Read the files. Raises NoApp."""
        self._index = directory / INDEX.strip("/")
        self._directory = directory
        self._files: Files = {}
        self._built = 0
        self.refresh()

    def refresh(self) -> None:
        """Read the files again if the build has written another index.html, which it writes last. Raises NoApp."""
        built = self._index.stat().st_mtime_ns if self._index.is_file() else 0
        if built not in (0, self._built) or not self._files:
            self._files = read(self._directory)
            self._built = built

    def find(self, path: str) -> File | None:
        """The file at a path."""
        return self._files.get(path)

    @property
    def index(self) -> File:
        """The page of every path of the app."""
        return self._files[INDEX]


def application(site: Site) -> web.Application:
    """The HTTP application over a site."""

    async def get(request: web.Request) -> web.Response:
        file = site.find(request.path)
        if file is None and _is_page(request):
            site.refresh()
            file = site.index
        return _no_such_file() if file is None else _answer(request, file)

    app = web.Application(client_max_size=reports.MOST_BYTES, middlewares=[_count])
    app.add_routes([web.get("/{path:.*}", get), web.post(REPORTS, reports.take)])
    return app


@web.middleware
async def _count(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        _requests.labels(str(refusal.status)).inc()
        raise
    _requests.labels(str(response.status)).inc()
    return response


def _is_page(request: web.Request) -> bool:
    """Whether a browser goes to a page: scripts and pictures accept no HTML. `/` is always one."""
    return request.path == "/" or "text/html" in request.headers.get("Accept", "")


def _answer(request: web.Request, file: File) -> web.Response:
    form = _best(request.headers.get("Accept-Encoding", ""), file)
    headers = {
        **EVERY_FILE,
        **(EVERY_PAGE if file.is_page else {}),
        "Cache-Control": file.cache_control,
        "Vary": "Accept-Encoding",
        "ETag": f'"{form.etag}"',
    }
    if _has_already(request, form):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = file.content_type
    if form.encoding:
        headers["Content-Encoding"] = form.encoding
    return web.Response(body=form.body, headers=headers)


def _has_already(request: web.Request, form: Form) -> bool:
    """Whether the client's copy is this one (If-None-Match, compared weakly: RFC 9110, 13.1.2)."""
    return any(tag.value in (form.etag, "*") for tag in request.if_none_match or ())


def _best(accepted: str, file: File) -> Form:
    """The first form that the client accepts (RFC 9110, 12.5.3). The plain one is last, and always right."""
    named = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        named[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((form for form in file.forms[:-1] if named.get(form.encoding, False)), file.forms[-1])


def _no_such_file() -> web.Response:
    """An error in the format of all errors of the API."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "NO_SUCH_FILE", "domain": "argosy"}
    error = json.dumps({"code": 5, "message": "unknown file", "details": [info]})
    headers = {**EVERY_FILE, "Cache-Control": "no-store", "Content-Type": "application/json"}
    return web.Response(body=error.encode(), headers=headers, status=404)
