"""Violations of the Content-Security-Policy, as browsers report them: each becomes a line of the log and is counted.

Anybody can send such a report, and the URLs in it may contain secrets. So only short, known parts of it are logged: of
a URL its origin and path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from prometheus_client import Counter

from services.chassis.process.metrics import show_from_the_start

MOST_BYTES = 16_384
_LONGEST = 200
_DIRECTIVES = (
    "base-uri connect-src default-src font-src form-action frame-ancestors img-src manifest-src script-src "
    "script-src-attr script-src-elem style-src style-src-attr style-src-elem"
).split()
_OTHER = "other"

_violations = Counter(
    "argosy_web_policy_violations_total",
    "Violations of the Content-Security-Policy that browsers reported, by directive.",
    ["directive"],
)
show_from_the_start(_violations, [*_DIRECTIVES, _OTHER])
_log = structlog.get_logger()


async def take(request: web.Request) -> web.Response:
    """Log and count the violation in the body. Answers 204, or 400 if the body is no report."""
    try:
        report = _report(json.loads(await request.text()))
    except (ValueError, UnicodeDecodeError, RecursionError):
        return web.Response(status=400)
    directive = _text(report, "effective-directive", "violated-directive")
    _violations.labels(directive if directive in _DIRECTIVES else _OTHER).inc()
    _log.warning(
        "policy_violation",
        directive=directive,
        page=_place(_text(report, "document-uri")),
        blocked=_place(_text(report, "blocked-uri")),
        source=_place(_text(report, "source-file")),
    )
    return web.Response(status=204)


def _report(body: Any) -> Mapping[str, Any]:
    """The violation in a body of `report-uri`. Raises ValueError."""
    if isinstance(body, dict) and isinstance(report := body.get("csp-report"), dict):
        return report
    raise ValueError("not a report")


def _text(report: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is a text."""
    return next((value for name in names if isinstance(value := report.get(name), str)), "")


def _place(url: str) -> str:
    """A URL's origin and path, without user, query and fragment. A keyword such as `inline` as it is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return (parts.scheme or parts.path)[:_LONGEST]
    return f"{parts.scheme}://{host}{parts.path}"[:_LONGEST]
