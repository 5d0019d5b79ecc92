"""The innermost step of rpcs with a response stream: sends the messages that the service's method yields.

Each message is sent before the next one is requested from the method. So a slow client slows down its own stream, and
messages do not accumulate.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from google.protobuf.message import Message

from services.chassis.rpc.call import Call, Service, User
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.pipeline.identity import Verify, bearer
from services.chassis.rpc.policy import MethodPolicyView
from services.chassis.rpc.streams import Streams

Handler = Callable[[Any, Call], AsyncGenerator[Message, None]]


def answer(method: MethodPolicyView, handler: Handler, streams: Streams, verify: Verify) -> Step:
    """Send what the handler yields, until it ends or the stream must end (streams.py). Returns no bytes."""
    response_class = method.response_class

    async def streamed(exchange: Exchange) -> bytes:
        call = exchange.call(method)
        token = bearer(exchange.metadata)

        async def still_good() -> None:
            # The token of a service is checked at the start of a call only.
            if token is not None and isinstance(call.caller, User):
                await verify(token)

        async with (
            streams.opened(method.path, _name_of(call), still_good, _address_of(call)),
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


def _address_of(call: Call) -> str | None:
    return None if isinstance(call.caller, Service) else call.client_address


def _name_of(call: Call) -> str:
    """The caller by which streams are limited."""
    if isinstance(call.caller, User):
        return call.caller.id
    return call.caller.name if isinstance(call.caller, Service) else call.client_address
