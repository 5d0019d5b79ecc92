"""Watches the story of the chosen order, as `argosy story` tells it; parts of it are missing while a store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cli.environment import NoSystem
from cli.story import log_lines
from cli.story.collect import SERVICES, collect
from cli.story.draw import gap_text
from playground import sparks
from playground.orders import Orders
from playground.stream import Stream
from playground.watching.calls import Calls
from services.chassis.data.story import Moment
from services.chassis.plain import clock

_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 4.0
_MOST = 400


class Stories:
    """Reads the chosen order's story every second, and publishes it when it has grown."""

    def __init__(self, stream: Stream, orders: Orders, calls: Calls) -> None:
        self._stream = stream
        self._orders = orders
        self._calls = calls
        self._order = ""
        self._known: set[tuple[datetime, str, str]] = set()
        self._shown: dict[str, Any] = {}

    async def watch(self) -> None:
        """Follow the chosen order without end."""
        while True:
            if self._orders.chosen:
                await self._look(self._orders.chosen)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look(self, order: str) -> None:
        stored, missing = await stored_about(UUID(order))
        logged = log_lines.moments_of(self._calls.recent(), order, stored)
        moments = sorted([*stored, *logged], key=lambda moment: moment.at)[-_MOST:]
        if order != self._orders.chosen:
            return
        self._light_up(order, moments)
        # Also without the bus: an event may pass while the watcher of the bus connects again.
        for status in [moment.facts["status"] for moment in stored if "status" in moment.facts][-1:]:
            self._orders.seen(order, status)
        shown = {"order": order, "missing": missing, "lines": lines_of(moments, clock.now())}
        if shown != self._shown:
            self._shown = shown
            self._stream.publish("story", shown, keep=True)

    def _light_up(self, order: str, moments: Iterable[Moment]) -> None:
        fresh = order != self._order
        self._order, before = order, set() if fresh else self._known
        now = clock.now()
        self._known = before | {_identity(moment) for moment in moments}
        for moment in moments:
            recent = not fresh or now - moment.at < timedelta(seconds=10)
            if recent and _identity(moment) not in before:
                for spark in sparks.of_moment(moment):
                    self._stream.publish("spark", asdict(spark))


def _identity(moment: Moment) -> tuple[datetime, str, str]:
    return (moment.at, moment.service, moment.text)


async def stored_about(order_id: UUID) -> tuple[list[Moment], list[str]]:
    """What the stores know of an order, and the services whose store does not answer."""
    try:
        return await asyncio.wait_for(collect(order_id, SERVICES), _ANSWER_SECONDS), []
    except (NoSystem, TimeoutError):
        pass
    answers = await asyncio.gather(*(_of_service(order_id, service) for service in SERVICES))
    moments = [moment for answer in answers for moment in answer or ()]
    return moments, [service for service, answer in zip(SERVICES, answers, strict=True) if answer is None]


async def _of_service(order_id: UUID, service: str) -> list[Moment] | None:
    try:
        return await asyncio.wait_for(collect(order_id, [service]), _ANSWER_SECONDS)
    except (NoSystem, TimeoutError):
        return None


def lines_of(moments: Sequence[Moment], now: datetime) -> list[dict[str, Any]]:
    """One line for each moment, in order of time. `gap` is the time since the previous line."""
    lines = []
    last = None
    for moment in moments:
        gap = gap_text(moment.at - last) if last else ""
        last = moment.at
        lines.append(
            {
                "at": clock.to_text(moment.at),
                "gap": gap,
                "service": moment.service,
                "kind": str(moment.kind),
                "text": moment.text,
                "ahead": moment.at > now,
            }
        )
    return lines
