"""The edge's settings, from environment variables."""

import difflib
import ipaddress
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    HttpUrl,
    ValidationError,
    ValidationInfo,
)

ROOT = Path(__file__).resolve().parent.parent
MOST_REQUESTS = 1_000
"""The maximum number of concurrent requests to one service, without bulkheads and streams."""
MOST_STREAMS = 10_000
"""The maximum number of open streams to one service. Only streams have the priority HIGH."""

_ALIKE = 0.87

Port = Annotated[int, Field(ge=1, le=65535)]
Address = tuple[str, int]


class SettingsError(Exception):
    """Environment variables are missing or invalid. The text lists all of them."""


def _address(text: str) -> Address:
    """Raises ValueError unless the text is `host:port`."""
    text = text.strip()
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
        raise ValueError(text)
    return parts.hostname, parts.port


def _addresses(text: object) -> tuple[Address, ...]:
    """The addresses in `host:port,host:port`. Empty: none."""
    try:
        return tuple(_address(part) for part in str(text).split(",")) if text else ()
    except ValueError:
        raise ValueError("must be host:port; separate several by commas") from None


def _shared_counts(text: object, others: ValidationInfo) -> Address | None:
    if not text:
        return None
    if others.data.get("rate_limit_multiplier", 1) != 1:
        raise ValueError("RATE_LIMIT_MULTIPLIER must be 1 with it: the shared limits do not support it")
    try:
        return _address(str(text))
    except ValueError:
        raise ValueError("must be host:port") from None


def _listen_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must be an address to listen on: 127.0.0.1, 0.0.0.0, or :: for IPv6 and IPv4") from None
    return text


def _plain_http(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("must not contain a user or password")
    if url.scheme != "http":
        raise ValueError("must be http://: Envoy has no certificates for it")
    return url


class EdgeSettings(BaseModel):
    """One deployment of the edge."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    edge_host: Annotated[str, AfterValidator(_listen_address)] = "127.0.0.1"
    """The listen address of the public port; `::` is IPv6 and IPv4."""
    edge_port: Port
    edge_admin_port: Port
    """Envoy's admin port. It always listens on loopback."""
    edge_trusted_hops: int = Field(default=0, ge=0)
    """The number of trusted proxies in front of the edge, for the client's address."""
    edge_connections_per_address: int = Field(default=2_500, ge=0)
    """The maximum of open connections of one client address (IPv6: /64), of 10,000 together. 0: no limit. Without
    effect behind a proxy (`edge_trusted_hops`), which connects for all clients."""
    edge_heap_megabytes: int = Field(default=400, ge=100)
    """The heap at which the edge is overloaded (envoy/overload.yaml): below the memory that it may use."""
    edge_secure_cookies: bool = True
    """Whether browsers send the session's cookie over HTTPS only. False: they reach the edge over plain HTTP."""
    edge_in_mesh: bool = False
    """Whether there is a mesh behind the edge. Then the mesh does health checks and retries, and the edge does not,
    because it sees only one address per service."""
    edge_descriptors: FilePath = ROOT / "generated" / "descriptors.binpb"
    """The image of the contract. Envoy reads it at start."""
    rate_limit_multiplier: float = Field(default=1, gt=0, allow_inf_nan=False)
    """A factor for all rate limits, for load tests."""
    rate_limit_service: Annotated[Address | None, BeforeValidator(_shared_counts)] = None
    """`host:port` of the rate limit service that all edges share (envoyproxy/ratelimit). Default: none."""
    web_target: Annotated[tuple[Address, ...], BeforeValidator(_addresses)] = ()
    """`host:port` of the web app's server (`python -m web`); several are separated by commas. Default: there is no web
    app, and its paths are unknown."""
    jwks_url: Annotated[HttpUrl, AfterValidator(_plain_http)]
    """The endpoint of the public keys of user tokens."""
    otel_exporter_otlp_endpoint: Annotated[
        Annotated[HttpUrl, AfterValidator(_plain_http)] | None, BeforeValidator(lambda text: text or None)
    ] = None
    """The trace collector, OTLP over gRPC: `http://host:4317`. Without it, no spans are made."""
    otel_sdk_disabled: bool = False
    otel_traces_sampler: Literal["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"] = (
        "parentbased_always_on"
    )
    """Which traces are recorded. A caller's trace id is kept, but the caller's sampling decision applies only if it
    comes from a trusted proxy (`edge_trusted_hops`)."""
    otel_traces_sampler_arg: float = Field(default=1, ge=0, le=1)
    """The share of traces that are recorded, 0 to 1, for `parentbased_traceidratio`."""
    deployment_environment: str = Field(default="development", min_length=1)
    """The deployment's name in the spans: development, staging, production …"""
    drain_settle_seconds: int = Field(default=1, ge=1)
    """How long a draining edge accepts new connections, so that load balancers notice the failing health check."""
    drain_grace_seconds: float = Field(default=30, ge=0)
    """How long requests in flight may take after SIGTERM."""

    @property
    def jwks_address(self) -> Address:
        """Host and port of `jwks_url`."""
        return str(self.jwks_url.host), self.jwks_url.port or 80

    @property
    def limits_connections(self) -> bool:
        """Whether the connections of each client address are limited."""
        return self.edge_connections_per_address > 0 and self.edge_trusted_hops == 0

    @property
    def traces_address(self) -> Address | None:
        """Host and port of the collector. None: no spans are made."""
        url = self.otel_exporter_otlp_endpoint
        if url is None or self.otel_sdk_disabled:
            return None
        return str(url.host), url.port or 80

    @property
    def traces_share(self) -> float:
        """The share of new traces that are recorded."""
        shares = {"parentbased_always_on": 1.0, "parentbased_always_off": 0.0}
        return shares.get(self.otel_traces_sampler, self.otel_traces_sampler_arg)

    @property
    def jwks_path(self) -> str:
        """The path of `jwks_url`."""
        return self.jwks_url.path or "/"


Targets = Mapping[str, tuple[Address, ...]]


def load(upstreams: Collection[str], environment: Mapping[str, str] = os.environ) -> tuple[EdgeSettings, Targets]:
    """Read the settings and the upstreams' addresses: ORDER_TARGET is `host:port`; several are separated by commas.

    Raises SettingsError.
    """
    variables = {name.upper(): value.strip() for name, value in environment.items()}
    problems = _misspelt(variables, [*map(str.upper, EdgeSettings.model_fields), *map(_target_of, upstreams)])
    settings = None
    try:
        settings = EdgeSettings.model_validate({name.lower(): value for name, value in variables.items()})
    except ValidationError as error:
        problems += [f"{str(problem['loc'][0]).upper()}: {_sentence(problem['msg'])}" for problem in error.errors()]
    targets = {}
    for upstream in upstreams:
        variable = _target_of(upstream)
        try:
            targets[upstream] = tuple(_address(part) for part in variables.get(variable, "").split(","))
        except ValueError:
            problems.append(f"{variable}: must be host:port; separate several by commas")
    if settings is None or problems:
        raise SettingsError("\n".join(f"bad setting {problem}" for problem in problems))
    return settings, targets


def _target_of(upstream: str) -> str:
    return f"{upstream.upper()}_TARGET"


def _misspelt(given: Collection[str], known: Collection[str]) -> list[str]:
    """Unknown variables that are similar to a setting that is not set. Other unknown variables are ignored."""
    unset = [name for name in known if name not in given]
    found = {}
    for variable in sorted(set(given).difference(known)):
        near = [] if variable.startswith("OTEL_") else difflib.get_close_matches(variable, unset, 1, _ALIKE)
        if near:
            found[variable] = near[0]
    return [f"{variable}: unknown setting; did you mean {meant}?" for variable, meant in found.items()]


def _sentence(message: str) -> str:
    """pydantic's message, without its prefix for our own errors."""
    return "is missing" if message == "Field required" else message.removeprefix("Value error, ")
