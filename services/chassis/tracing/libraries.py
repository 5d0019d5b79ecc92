"""Spans of the libraries that talk to others: asyncpg, pymongo (under motor) and httpx (under Stripe's client).

Of those alone that the process has loaded by then: an instrumentation imports its library. Statements are told with
their placeholders, never with their values; documents and bodies not at all. To outsiders the trace is not passed on
(grpc_spans.WithinGrpc).
"""

from __future__ import annotations

import importlib
import os
import sys

from opentelemetry import trace

_INSTRUMENTORS = {
    "asyncpg": "AsyncPGInstrumentor",
    "pymongo": "PymongoInstrumentor",
    "httpx": "HTTPXClientInstrumentor",
}


def instrument(provider: trace.TracerProvider) -> None:
    """Let them make spans from now on. Before their clients are made."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database,http")  # the names that are settled
    for library, name in _INSTRUMENTORS.items():
        if library in sys.modules:
            module = importlib.import_module(f"opentelemetry.instrumentation.{library}")
            getattr(module, name)().instrument(tracer_provider=provider)
