"""The context of an operation: the open transaction, the time, and side effects to trigger on commit."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stripe_sandbox.controls import Controls
from stripe_sandbox.ids import new_id
from stripe_sandbox.objects import Objects
from stripe_sandbox.outbox import Outbox, StoredEvent
from stripe_sandbox.render import API_VERSION, Renderer
from stripe_sandbox.resources import Json, Resource
from stripe_sandbox.store import Store

_SHUFFLE_SECONDS = 1.0
_RANDOM = random.SystemRandom()


class Task(StrEnum):
    """A scheduled change of an object."""

    FINISH_CHARGE = "finish_charge"
    SETTLE_CHARGE = "settle_charge"
    SETTLE_REFUND = "settle_refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that causes a change, named in its events. Both fields are None for scheduled changes."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An operation's answer. Unlike a raised StripeError it commits the operation's changes, as a decline must."""

    body: Json
    status: int = 200
    drop: bool = False
    """Cut the connection instead of sending the answer."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one transaction."""

    store: Store
    render: Renderer
    controls: Controls
    origin: Origin
    time: float
    delivered: frozenset[str] | None = None
    """The types of events that the webhook's receiver gets; None: all."""

    @property
    def now(self) -> int:
        """Unix time in whole seconds, as in Stripe's timestamps."""
        return int(self.time)

    @property
    def objects(self) -> Objects:
        return self.store.objects

    @property
    def outbox(self) -> Outbox:
        return self.store.outbox

    def emit(self, type_: str, resource: Resource, previous: Mapping[str, object] | None = None) -> None:
        """Emit an event with the resource's current state. `previous` holds the values that an update replaced."""
        data: Json = {"object": self.render(resource)}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        id_, wanted = new_id("evt"), self.delivered is None or type_ in self.delivered
        body = {
            "id": id_,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": int(wanted),
            "request": {"id": self.origin.request_id, "idempotency_key": self.origin.idempotency_key},
            "type": type_,
        }
        self.outbox.add_event(StoredEvent(id_, type_, self.now, json.dumps(body)))
        for _ in range(self.controls.deliveries if wanted else 0):
            self.outbox.add_delivery(id_, self._delivery_time())

    def later(self, task: Task, subject: Resource, seconds: float) -> None:
        self.store.jobs.add(task.value, subject.id, self.time + seconds)

    def _delivery_time(self) -> float:
        spread = _RANDOM.uniform(0, _SHUFFLE_SECONDS) if self.controls.webhooks_shuffled else 0.0
        return self.time + self.controls.webhooks_delay_seconds + spread
