"""The pipeline around every handler: nested steps, one file per concern, composed per method at start.

    (tracing)         a span per call, if a collector is configured (chassis/tracing)
    observation       one log line and one measurement per call
      error_answers   exceptions → google.rpc.Status
        admission     refuses calls until the service has started
          deadline    the smaller of the contract's and the caller's deadline
            bulkhead    refuses calls over the limit of concurrent calls, after a short wait
              identity        authentication: verifies the token
                access        authorization: the contract's access option
                  validation  parses and validates the request
                    idempotency_key   reads and validates the key
                      handling        calls the service's method (streaming: for a response stream)

Steps are plain functions, because an interceptor of grpc.aio takes ten times as long. A step receives the `Exchange` of
one call; it calls the next step, or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.chassis import tracing
from services.chassis.rpc.contract import Access
from services.chassis.rpc.pipeline import (
    access,
    admission,
    bulkhead,
    deadline,
    error_answers,
    handling,
    idempotency_key,
    identity,
    observation,
    streaming,
    validation,
)
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView
from services.chassis.rpc.statuses import Catalogue
from services.chassis.rpc.streams import Streams

__all__ = ["Exchange", "Parts", "Step", "compose"]


@dataclass(frozen=True)
class Parts:
    """What the steps of all methods of one process share."""

    catalogue: Catalogue
    is_open: Callable[[], bool]
    """Whether the service has started."""
    verify_user: identity.Verify
    verify_service: identity.Verify
    streams: Streams
    bulkheads: bulkhead.Bulkheads = field(default_factory=bulkhead.Bulkheads)

    def verifier(self, method: MethodPolicyView) -> identity.Verify:
        """The verifier of the tokens of a method's callers."""
        return self.verify_service if method.access is Access.INTERNAL else self.verify_user


def compose(method: MethodPolicyView, handler: Callable[..., Any], parts: Parts) -> Step:
    """Compose the steps of one method. The result returns the response's bytes; for a stream it sends them itself."""
    verify = parts.verifier(method)
    if method.streams:
        step = streaming.answer(method, handler, parts.streams, verify)
    else:
        step = handling.answer(method, handler)
    step = idempotency_key.read(step)
    step = validation.check(method, step)
    step = access.check(method, step)
    step = identity.establish(verify, step)
    step = bulkhead.limit(method, parts.bulkheads, step)
    step = deadline.limit(method, step)
    step = admission.gate(parts.is_open, step)
    step = error_answers.convert(parts.catalogue, step)
    return tracing.active().around_call(method, observation.observe(method, step))
