"""`/_sandbox/`: controls for tests and people, which Stripe itself does not have. See README.md."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stripe_sandbox import disputes, payments, queries, refunding
from stripe_sandbox.charges import Charge
from stripe_sandbox.controls import Fault
from stripe_sandbox.disputes import Complaint
from stripe_sandbox.engine import Engine
from stripe_sandbox.errors import StripeError, no_such
from stripe_sandbox.work import Work

PREFIX = "/_sandbox/"
HEALTH = PREFIX + "health"

_COUNTED = ("order_id", "payment_id")


class Wanted(BaseModel):
    """The request for a new dispute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payment_intent: str
    amount: int | None = Field(default=None, gt=0)
    inquiry: bool = False


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
            web.post(PREFIX + "disputes", self._dispute),
            web.post(PREFIX + "disputes/{id}", self._end_dispute),
            web.post(PREFIX + "refunds/{id}/fail", self._fail_refund),
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

    async def _dispute(self, request: web.Request) -> web.Response:
        try:
            wanted = Wanted.model_validate(await _json_object(request))
        except ValidationError as error:
            raise StripeError(str(error)) from error
        complaint = Complaint(wanted.amount, inquiry=wanted.inquiry)

        def dispute(work: Work) -> dict[str, Any]:
            intent = payments.existing(work, wanted.payment_intent)
            charge = work.objects.get(Charge, intent.latest_charge or "")
            return work.render(disputes.open_dispute(work, charge, complaint))

        return web.json_response(self._engine.run(dispute))

    async def _end_dispute(self, request: web.Request) -> web.Response:
        id_, outcome = request.match_info["id"], (await _json_object(request)).get("outcome")
        if outcome not in ("won", "lost"):
            raise StripeError("outcome must be won or lost.")
        ended = self._engine.run(lambda work: work.render(disputes.end(work, id_, won=outcome == "won")))
        return web.json_response(ended)

    async def _fail_refund(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        return web.json_response(self._engine.run(lambda work: work.render(refunding.bounce(work, id_))))


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError as error:
        raise StripeError("The body must be JSON.") from error
    if not isinstance(value, dict):
        raise StripeError("The body must be a JSON object.")
    return value
