"""The innermost step: calls the service's method and serializes its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from services.chassis.rpc.call import Call
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView

Handler = Callable[[Any, Call], Awaitable[Message]]


def answer(method: MethodPolicyView, handler: Handler) -> Step:
    """Call the handler. A response of another type than the contract's raises TypeError."""
    response_class = method.response_class

    async def answered(exchange: Exchange) -> bytes:
        response = await handler(exchange.request, exchange.call(method))
        if not isinstance(response, response_class):
            raise TypeError(f"{method.path} answered {type(response).__name__}, not {response_class.__name__}")
        return response.SerializeToString()

    return answered
