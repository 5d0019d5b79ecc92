"""The standard OpenTelemetry variables that the chassis reads. The SDK and its exporter read the others.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AnyHttpUrl, BeforeValidator, Field

from services.chassis.process.environment import Environment

Sampler = Literal[
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
    "parentbased_traceidratio",
]  # fmt: skip


def _unless_empty(value: Any) -> Any:
    """An empty variable counts as not set, as the specification requires."""
    return None if value == "" else value


class TracingSettings(Environment):
    """Whether and how spans are recorded."""

    otel_exporter_otlp_endpoint: Annotated[AnyHttpUrl | None, BeforeValidator(_unless_empty)] = None
    """The collector, OTLP over gRPC: `http://host:4317`. Without it, no spans are made."""
    otel_exporter_otlp_protocol: Literal["grpc"] = "grpc"
    otel_sdk_disabled: bool = False
    otel_traces_sampler: Sampler = "parentbased_always_on"
    """Which traces are recorded. `parentbased_…`: the caller's sampling decision applies, if there is one."""
    otel_traces_sampler_arg: float = Field(default=1, ge=0, le=1)
    """The share of new traces that are recorded, 0 to 1, for `…traceidratio`."""
    deployment_environment: str = Field(default="development", min_length=1)
    """The deployment's name in the spans: development, staging, production …"""

    @property
    def traces_go_to(self) -> str | None:
        """The collector's address. None: there is none, or tracing is disabled."""
        if self.otel_exporter_otlp_endpoint is None or self.otel_sdk_disabled:
            return None
        return str(self.otel_exporter_otlp_endpoint)
