"""`argosy top`: shows the state of every service, updated periodically."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import httpx
import typer
from rich.live import Live
from rich.table import Table

from cli import output
from cli.environment import admin_addresses
from cli.figures import Figures, Row, between

_ANSWER_SECONDS = 5
_COLUMNS = ("service", "state", "calls/s", "faults/s", "p95 ms", "outbox", "lag", "dead", "breaker", "MB")
_WRAPPED = ("state", "breaker")
"""The columns that shrink on a narrow terminal: names and figures are never cut."""

Look = Mapping[str, Figures | None]
"""Figures by service. None: it does not answer."""


def top(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two updates.")] = 2.0,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many updates.")] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="SERVICE=URL", help="The address of a service's admin port. Can be repeated."),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Show each service: calls, errors, latency, unpublished events, dead letters, circuit breakers, memory.

    On a laptop it finds the services. Elsewhere, for example after `kubectl port-forward`: argosy top --at order=http://127.0.0.1:9102
    """
    try:
        asyncio.run(_watch(_addresses(at or []), every, count, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit from None


def _addresses(options: list[str]) -> Mapping[str, str]:
    if not options:
        return admin_addresses()
    pairs = [pair.partition("=") for pair in options]
    for name, _, url in pairs:
        if not name or not url.startswith(("http://", "https://")):
            raise typer.BadParameter(f"{name}: expected the form order=http://127.0.0.1:9102", param_hint="--at")
    return {name: url.rstrip("/") for name, _, url in pairs}


async def _watch(addresses: Mapping[str, str], every: float, count: int | None, *, as_json: bool) -> None:
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as http:
        looks = Looks(http, addresses)
        await looks.again()
        with _printer(as_json=as_json) as show:
            for _ in itertools.count() if count is None else range(count):
                await asyncio.sleep(every)
                show(await looks.again())


@contextmanager
def _printer(*, as_json: bool) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    if as_json:
        yield lambda rows: output.show(rows, (), as_json=True, empty="")
        return
    with Live(console=output.people(), auto_refresh=False) as live:
        yield lambda rows: live.update(_table(rows), refresh=True)


class Looks:
    """Samples the services repeatedly and compares the last two samples."""

    def __init__(self, http: httpx.AsyncClient, addresses: Mapping[str, str]) -> None:
        self._http = http
        self._addresses = addresses
        self._last: Look = {}
        self._at = time.monotonic()

    async def again(self) -> list[dict[str, Any]]:
        """Take a sample. Returns a row per service."""
        answers = await asyncio.gather(*(self._ask(url) for url in self._addresses.values()))
        now = time.monotonic()
        before, seconds, self._at = self._last, now - self._at, now
        self._last = {name: figures for name, (figures, _) in zip(self._addresses, answers, strict=True)}
        return [
            {"service": name, "state": state, **_happened(before.get(name), figures, seconds)}
            for name, (figures, state) in zip(self._addresses, answers, strict=True)
        ]

    async def _ask(self, url: str) -> tuple[Figures | None, str]:
        try:
            metrics, health = await asyncio.gather(self._http.get(f"{url}/metrics"), self._http.get(f"{url}/health"))
            report = health.json()
            failing = ", ".join(report.get("failing", ()))
            return Figures(metrics.text), f"waits for {failing}" if failing else str(report["status"]).lower()
        except (httpx.HTTPError, ValueError, KeyError):
            return None, "no answer"


def _happened(before: Figures | None, after: Figures | None, seconds: float) -> dict[str, Any]:
    if before is None or after is None:
        return {}
    return asdict(between(before, after, seconds))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name not in _WRAPPED)
    for row in rows:
        figures = [_text(row.get(name)) for name in Row.__annotations__]
        table.add_row(row["service"], row["state"], *figures)
    return table


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value or "")
