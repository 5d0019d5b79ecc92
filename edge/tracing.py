"""Which traces the edge records → OpenTelemetry's samplers in Envoy."""

from __future__ import annotations

from typing import Any

from edge.settings import EdgeSettings

_TYPE = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
_MILLION = 1_000_000

Piece = dict[str, Any]


def sampler(settings: EdgeSettings) -> Piece:
    """By the trace's id. Behind trusted proxies as those have decided; a caller cannot make the edge record."""
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
