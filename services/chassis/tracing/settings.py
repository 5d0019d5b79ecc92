"""OpenTelemetry's own variables, as far as we decide by them; its exporter reads the rest.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AnyHttpUrl, BeforeValidator, Field

from services.chassis.environment import Environment

Sampler = Literal[
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
    "parentbased_traceidratio",
]  # fmt: skip


def _unless_empty(value: Any) -> Any:
    """An empty variable is one that is not set, as the specification has it."""
    return None if value == "" else value


class TracingSettings(Environment):
    """Whether and how spans are recorded."""

    otel_exporter_otlp_endpoint: Annotated[AnyHttpUrl | None, BeforeValidator(_unless_empty)] = None
    """The collector, by OTLP over gRPC: `http://host:4317`; without it no spans are made."""
    otel_exporter_otlp_protocol: Literal["grpc"] = "grpc"
    otel_sdk_disabled: bool = False
    otel_traces_sampler: Sampler = "parentbased_always_on"
    """Which traces are recorded; `parentbased_…`: as whoever began the trace has decided, where somebody has."""
    otel_traces_sampler_arg: float = Field(default=1, ge=0, le=1)
    """The share of traces that begin here and are recorded, for `…traceidratio`."""
    deployment_environment: str = Field(default="development", min_length=1)
    """Which deployment the spans are of: development, staging, production …"""

    @property
    def traces_go_to(self) -> str | None:
        """The collector's address; None when there is none, or traces are switched off."""
        if self.otel_exporter_otlp_endpoint is None or self.otel_sdk_disabled:
            return None
        return str(self.otel_exporter_otlp_endpoint)
