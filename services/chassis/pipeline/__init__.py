"""What surrounds every handler, composed once a method at start into one callable; a file for each concern.

    (tracing)         a span a call, where a collector is named (chassis/tracing)
    observation       one log line and one measurement a call
      error_answers   exceptions → google.rpc.Status
        admission     nothing before the service has started
          deadline    the contract's time, or the caller's when that is less
            identity        who calls, by a verified token
              access        whether they may
                validation  the request, parsed and checked
                  idempotency_key   a well-formed key, or none
                    handling        the service's own method (streaming, where it answers with a stream)

Plain functions around functions: an interceptor of grpc.aio costs ten times as much. Each takes the `Exchange` of one
call and the next one, and either goes on or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.chassis import tracing
from services.chassis.pipeline import (
    access,
    admission,
    deadline,
    error_answers,
    handling,
    idempotency_key,
    identity,
    observation,
    streaming,
    validation,
)
from services.chassis.pipeline.exchange import Exchange, Step
from services.chassis.policy import Access, MethodPolicyView
from services.chassis.statuses import Catalogue
from services.chassis.streams import Streams

__all__ = ["Exchange", "Parts", "Step", "compose"]


@dataclass(frozen=True)
class Parts:
    """What the concerns of all methods of one process share."""

    catalogue: Catalogue
    is_open: Callable[[], bool]
    """Whether the service has started."""
    verify_user: identity.Verify
    verify_service: identity.Verify
    streams: Streams

    def verifier(self, method: MethodPolicyView) -> identity.Verify:
        """What verifies the tokens of a method's callers."""
        return self.verify_service if method.access is Access.INTERNAL else self.verify_user


def compose(method: MethodPolicyView, handler: Callable[..., Any], parts: Parts) -> Step:
    """One method with everything around it: takes a call's exchange, gives the answer's bytes (a stream's are sent)."""
    verify = parts.verifier(method)
    if method.streams:
        step = streaming.answer(method, handler, parts.streams, verify)
    else:
        step = handling.answer(method, handler)
    step = idempotency_key.read(step)
    step = validation.check(method, step)
    step = access.check(method, step)
    step = identity.establish(verify, step)
    step = deadline.limit(method, step)
    step = admission.gate(parts.is_open, step)
    step = error_answers.tell(parts.catalogue, step)
    return tracing.active().around_call(method, observation.observe(method, step))
