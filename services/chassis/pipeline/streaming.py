"""The innermost step where the answer is a stream: the service's own method yields messages, one after the other.

Each is sent before the next is asked for: a client that reads slowly slows its own stream down, and nothing piles up.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from google.protobuf.message import Message

from services.chassis.call import Call, Service, User
from services.chassis.pipeline.exchange import Exchange, Step
from services.chassis.pipeline.identity import Verify, bearer
from services.chassis.policy import MethodPolicyView
from services.chassis.streams import Streams

Handler = Callable[[Any, Call], AsyncGenerator[Message, None]]


def answer(method: MethodPolicyView, handler: Handler, streams: Streams, verify: Verify) -> Step:
    """Send what the handler yields, for as long as the caller may have it (streams.py). The answer's bytes are none."""
    response_class = method.response_class

    async def streamed(exchange: Exchange) -> bytes:
        call = exchange.call(method)
        token = bearer(exchange.metadata)

        async def still_good() -> None:
            # A service's token is good for its calls to begin with, not for their length.
            if token is not None and isinstance(call.caller, User):
                await verify(token)

        async with (
            streams.opened(method.path, _name_of(call), still_good),
            contextlib.aclosing(handler(exchange.request, call)) as responses,
        ):
            async for response in responses:
                if not isinstance(response, response_class):
                    raise TypeError(f"{method.path} sent {type(response).__name__}, not {response_class.__name__}")
                message = response.SerializeToString()
                await exchange.context.write(message)
                exchange.messages += 1
                exchange.sent += len(message)
        return b""

    return streamed


def _name_of(call: Call) -> str:
    """Who shares an allowance of streams."""
    if isinstance(call.caller, User):
        return call.caller.id
    return call.caller.name if isinstance(call.caller, Service) else call.client_address
