"""`/_sandbox/`: what tests and people may ask of the sandbox that they could not ask of Stripe. See README.md."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from local.stripe import queries
from local.stripe.controls import Fault
from local.stripe.engine import Engine
from local.stripe.errors import StripeError, no_such
from local.stripe.work import Work

PREFIX = "/_sandbox/"
HEALTH = PREFIX + "health"

_COUNTED = ("order_id", "payment_id")


class SandboxApi:
    def __init__(self, engine: Engine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(HEALTH, self._health),
            web.get(PREFIX + "controls", self._show_controls),
            web.patch(PREFIX + "controls", self._change_controls),
            web.post(PREFIX + "faults", self._add_fault),
            web.delete(PREFIX + "faults", self._clear_faults),
            web.delete(PREFIX + "idempotency_keys", self._forget_keys),
            web.get(PREFIX + "counts", self._counts),
            web.post(PREFIX + "events/{id}/resend", self._resend),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        self._engine.store.outbox.pending()
        return web.json_response({"status": "SERVING", "service": "stripe-sandbox"})

    async def _show_controls(self, _: web.Request) -> web.Response:
        state = {"faults_waiting": len(self._engine.faults), "keys_in_use": len(self._engine.keys_in_use)}
        return web.json_response(self._engine.controls.model_dump() | state)

    async def _change_controls(self, request: web.Request) -> web.Response:
        changes = await _json_object(request)
        controls = self._engine.controls
        try:
            changed = type(controls).model_validate(controls.model_dump() | changes)
        except ValidationError as error:
            raise StripeError(str(error)) from error
        for name in changes:
            setattr(controls, name, getattr(changed, name))
        self._wake()
        return await self._show_controls(request)

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate(await _json_object(request))
        except ValidationError as error:
            raise StripeError(str(error)) from error
        self._engine.faults.add(fault)
        return await self._show_controls(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._engine.faults.clear()
        return await self._show_controls(request)

    async def _forget_keys(self, _: web.Request) -> web.Response:
        forgotten = self._engine.run(lambda work: work.store.answers.forget(float("inf")))
        return web.json_response({"forgotten": forgotten})

    async def _counts(self, request: web.Request) -> web.Response:
        named = [(key, request.query[key]) for key in _COUNTED if key in request.query]
        if len(named) != 1:
            raise StripeError(f"Name one of {' or '.join(_COUNTED)}.")
        key, value = named[0]
        counts = self._engine.read(lambda work: queries.count(work, key, value))
        return web.json_response(counts | {"pending_webhooks": self._engine.store.outbox.pending()})

    async def _resend(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]

        def resend(work: Work) -> None:
            if work.outbox.event(id_) is None:
                raise no_such("event", id_, "id", status=404)
            work.outbox.add_delivery(id_, time.time())

        self._engine.run(resend)
        return web.json_response({"resent": id_})


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError as error:
        raise StripeError("The body must be JSON.") from error
    if not isinstance(value, dict):
        raise StripeError("The body must be a JSON object.")
    return value
