"""Watches the services' metrics, as `argosy top` does: calls a second, lag, breakers."""

from __future__ import annotations

import asyncio

import httpx

from cli.environment import admin_addresses
from cli.top import Looks
from playground.stream import Stream

_EVERY_SECONDS = 2.0
_ANSWER_SECONDS = 2.0


async def watch_figures(stream: Stream) -> None:
    """Publish a row for each service every two seconds."""
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as http:
        looks = Looks(http, admin_addresses())
        await looks.again()
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            stream.publish("figures", {row["service"]: row for row in await looks.again()}, keep=True)
