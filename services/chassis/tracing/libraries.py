"""Spans of the libraries that talk to others: asyncpg, pymongo (under motor) and httpx (under Stripe's client).

Statements are told with their placeholders, never with their values; documents and bodies not at all. To outsiders the
trace is not passed on: no propagator is installed, and our own calls carry it by themselves (client, events).
"""

from __future__ import annotations

import os

from opentelemetry import propagate, trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.propagators.composite import CompositePropagator


def instrument(provider: trace.TracerProvider) -> None:
    """Let them make spans, also in clients that exist already."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database,http")  # the names that are settled
    propagate.set_global_textmap(CompositePropagator([]))
    postgres = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]
    for library in (postgres, PymongoInstrumentor(), HTTPXClientInstrumentor()):
        library.instrument(tracer_provider=provider)
