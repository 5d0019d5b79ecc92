"""Converts the sampling settings to Envoy's OpenTelemetry samplers."""

from __future__ import annotations

from typing import Any

from edge.settings import EdgeSettings

_TYPE = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
_MILLION = 1_000_000

Piece = dict[str, Any]


def sampler(settings: EdgeSettings) -> Piece:
    """Samples by trace id. Trusted proxies may decide instead; other callers cannot."""
    by_share = {
        "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        "typed_config": {
            "@type": f"{_TYPE}.TraceIdRatioBasedSamplerConfig",
            "sampling_percentage": {
                "numerator": round(settings.traces_share * _MILLION),
                "denominator": "MILLION",
            },
        },
    }
    if settings.edge_trusted_hops == 0:
        return by_share
    return {
        "name": "envoy.tracers.opentelemetry.samplers.parent_based",
        "typed_config": {"@type": f"{_TYPE}.ParentBasedSamplerConfig", "wrapped_sampler": by_share},
    }
