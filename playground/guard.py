"""Which requests are answered: those of this page, on this machine.

A page of another site can send requests to loopback, and a name of another site can point to loopback (DNS rebinding).
So the Host must be ours, the Origin too where there is one, and only a POST with JSON changes anything: a browser sends
that for a page of another site only after a preflight request, which is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    text: str


def refusal(method: str, headers: Mapping[str, str], port: int) -> Refusal | None:
    """None for a request to answer. `headers` finds names in any case; `port` is the one that is listened on."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if headers.get("Host", "").lower() not in hosts:
        return Refusal(421, f"Host must be one of {', '.join(sorted(hosts))}")
    origin = headers.get("Origin")
    if origin is not None and origin.lower() not in {f"http://{host}" for host in hosts}:
        return Refusal(403, "Origin must be this page")
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return Refusal(403, "Sec-Fetch-Site must be same-origin")
    if method in _SAFE:
        return None
    if method != "POST":
        return Refusal(405, "method must be GET or POST")
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, "Content-Type must be application/json")
    return None
