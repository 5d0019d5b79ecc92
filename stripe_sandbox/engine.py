"""Runs operations: one transaction each, answers stored under idempotency keys, listeners notified of changes."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from stripe_sandbox import idempotency
from stripe_sandbox.answers import SavedAnswer
from stripe_sandbox.controls import Controls, FaultKind, Faults
from stripe_sandbox.endpoints import Operation
from stripe_sandbox.errors import StripeError, busy, internal, unauthenticated
from stripe_sandbox.expand import expand
from stripe_sandbox.form import Tree
from stripe_sandbox.render import Renderer
from stripe_sandbox.store import Store
from stripe_sandbox.work import Answer, Origin, Work

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """A request that may change state."""

    path: str
    parameters: Mapping[str, Tree]
    key: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The HTTP response."""

    status: int
    body: str
    original_request: str | None = None
    """The id of the first request with the key, if this is a replay."""
    drop: bool = False


class Engine:
    """`delivered`: the types of events that the webhook's receiver gets; None: all."""

    def __init__(
        self, store: Store, render: Renderer, controls: Controls, delivered: frozenset[str] | None = None
    ) -> None:
        self.store = store
        self.render = render
        self.controls = controls
        self._delivered = delivered
        self.faults = Faults()
        self.keys_in_use = idempotency.KeysInUse()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a listener that is called after every committed transaction."""
        self._listeners.append(listener)

    def run(self, operation: Callable[[Work], T], origin: Origin | None = None) -> T:
        """Run an operation in one transaction. An exception rolls it back."""
        with self.store.transaction():
            result = operation(self._work(origin or Origin()))
        for listener in self._listeners:
            listener()
        return result

    def read(self, operation: Callable[[Work], T]) -> T:
        """Run an operation that changes nothing."""
        return operation(self._work(Origin()))

    async def post(self, post: Post, read: Callable[[], tuple[Operation, tuple[str, ...]]]) -> Reply:
        """Answer a POST. `read` parses the parameters into an operation and paths to expand; it may raise StripeError.

        Raises StripeError for errors that are not stored under the key.
        """
        self._refuse()
        with self.keys_in_use.use(post.key):
            saved = self._saved(post)
            if saved is not None:
                reply = Reply(saved.status, saved.body, original_request=saved.request_id)
            else:
                operation, expansions = read()
                await asyncio.sleep(self.controls.latency_seconds)
                reply = self._execute(post, operation, expansions)
            return await self._spoiled(reply)

    def _saved(self, post: Post) -> SavedAnswer | None:
        if post.key is None:
            return None
        print_ = idempotency.fingerprint(post.path, post.parameters)
        return idempotency.replayable(self.store.answers.find(post.key), post.key, post.path, print_, time.time())

    def _execute(self, post: Post, operation: Operation, expansions: tuple[str, ...]) -> Reply:
        failing = self.faults.take(FaultKind.ERROR, FaultKind.ERROR_AFTER)
        if failing is not None:
            return self._fail(post, operation, failing.kind)

        def execute(work: Work) -> Reply:
            answer = operation(work)
            if answer.status == 200:
                expand(answer.body, expansions, self.store.objects, self.render)
            return self._keep(post, work, answer)

        try:
            return self.run(execute, Origin(post.request_id, post.key))
        except StripeError as error:
            # The changes are rolled back; the error answer is stored.
            refusal = Answer(error.body(), status=error.status)
            return self.run(lambda work: self._keep(post, work, refusal))

    def _fail(self, post: Post, operation: Operation, kind: FaultKind) -> Reply:
        """Answer 500 and store that under the key, as Stripe does: https://docs.stripe.com/api/idempotent_requests."""

        def fail(work: Work) -> Reply:
            if kind is FaultKind.ERROR_AFTER:
                operation(work)
            error = internal()
            return self._keep(post, work, Answer(error.body(), status=error.status))

        return self.run(fail, Origin(post.request_id, post.key))

    def _refuse(self) -> None:
        """Raise StripeError if a fault rejects the request before it begins; that is never stored under the key."""
        fault = self.faults.take(FaultKind.UNAUTHORIZED, FaultKind.BUSY)
        if fault is not None:
            raise unauthenticated() if fault.kind is FaultKind.UNAUTHORIZED else busy()

    def _keep(self, post: Post, work: Work, answer: Answer) -> Reply:
        body = json.dumps(answer.body, indent=2)
        if post.key is not None:
            print_ = idempotency.fingerprint(post.path, post.parameters)
            saved = SavedAnswer(post.path, print_, answer.status, body, post.request_id, work.time)
            self.store.answers.save(post.key, saved)
        return Reply(answer.status, body, drop=answer.drop)

    async def _spoiled(self, reply: Reply) -> Reply:
        """Apply the next waiting fault to this answer, if any. The transaction is committed by now."""
        fault = self.faults.take(FaultKind.DROP, FaultKind.HOLD)
        if fault is None:
            return reply
        if fault.kind is FaultKind.HOLD:
            await asyncio.sleep(fault.seconds)
            return reply
        return Reply(reply.status, reply.body, drop=True)

    def _work(self, origin: Origin) -> Work:
        return Work(self.store, self.render, self.controls, origin, time.time(), self._delivered)
