"""Spans of client libraries: asyncpg, pymongo (under motor) and aiohttp's client (under Stripe's).

Only libraries that are already imported are instrumented, because an instrumentation imports its library. Spans have
statements with placeholders, without values; no documents and no bodies. External parties do not receive the trace
context (grpc_spans.WithinGrpc).
"""

from __future__ import annotations

import importlib
import os
import sys

from opentelemetry import trace

_INSTRUMENTORS = {
    "asyncpg": ("asyncpg", "AsyncPGInstrumentor"),
    "pymongo": ("pymongo", "PymongoInstrumentor"),
    "aiohttp": ("aiohttp_client", "AioHttpClientInstrumentor"),
}
"""Library → the module and class of its instrumentation."""


def instrument(provider: trace.TracerProvider) -> None:
    """Instrument the libraries. Call before their clients are created."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "database,http")  # use the stable names
    for library, (module_name, name) in _INSTRUMENTORS.items():
        if library in sys.modules:
            module = importlib.import_module(f"opentelemetry.instrumentation.{module_name}")
            getattr(module, name)().instrument(tracer_provider=provider)
