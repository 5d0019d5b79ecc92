"""Refuses calls with UNAVAILABLE until all required resources have started."""

from __future__ import annotations

from collections.abc import Callable

from services.chassis.plain.errors import Unavailable
from services.chassis.rpc.pipeline.exchange import Exchange, Step


def gate(is_open: Callable[[], bool], proceed: Step) -> Step:
    """Refuse calls until the service has started."""

    async def admitted(exchange: Exchange) -> bytes:
        if not is_open():
            raise Unavailable("the service is starting; try again")
        return await proceed(exchange)

    return admitted
