"""What a deployment decides about the edge, from the environment."""

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
MOST_STREAMS = 10_000
"""To one service at a time. They have the high priority to themselves."""

_ALIKE = 0.87

Port = Annotated[int, Field(ge=1, le=65535)]
Address = tuple[str, int]


class SettingsError(Exception):
    """The environment does not say what the edge needs; the text names every bad variable."""


def _address(text: str) -> Address:
    """Raises ValueError unless the text is `host:port`."""
    text = text.strip()
    parts = urlsplit(f"//{text}")
    if not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
        raise ValueError(text)
    return parts.hostname, parts.port


def _shared_counts(text: object, others: ValidationInfo) -> Address | None:
    if not text:
        return None
    if others.data.get("rate_limit_multiplier", 1) != 1:
        raise ValueError("RATE_LIMIT_MULTIPLIER must be 1 beside it: the shared counts know of none")
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
        raise ValueError("must hold no user and no password")
    if url.scheme != "http":
        raise ValueError("must be http://: Envoy is told of no certificates for it")
    return url


class EdgeSettings(BaseModel):
    """One deployment of the edge."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    edge_host: Annotated[str, AfterValidator(_listen_address)] = "127.0.0.1"
    """The address that the public port listens on; `::` is IPv6 and IPv4."""
    edge_port: Port
    edge_admin_port: Port
    """Envoy's admin port, on loopback whatever `edge_host` is."""
    edge_trusted_hops: int = Field(default=0, ge=0)
    """How many proxies in front of the edge may be believed about the client's address."""
    edge_in_mesh: bool = False
    """Whether a mesh stands behind the edge: it knows the instances then, leaves bad ones out and repeats reads. The
    edge, which sees one address a service, does neither."""
    edge_descriptors: FilePath = ROOT / "generated" / "descriptors.binpb"
    """The image of the contract; Envoy reads it at start."""
    rate_limit_multiplier: float = Field(default=1, gt=0, allow_inf_nan=False)
    """What all limits are multiplied with, for load tests."""
    rate_limit_service: Annotated[Address | None, BeforeValidator(_shared_counts)] = None
    """`host:port` of what counts for all edges together (envoyproxy/ratelimit); without it each counts for itself."""
    jwks_url: Annotated[HttpUrl, AfterValidator(_plain_http)]
    """Where the public keys of user tokens are fetched."""
    otel_exporter_otlp_endpoint: Annotated[
        Annotated[HttpUrl, AfterValidator(_plain_http)] | None, BeforeValidator(lambda text: text or None)
    ] = None
    """Where spans are told, by OTLP over gRPC: `http://host:4317`; without it none are made."""
    otel_sdk_disabled: bool = False
    otel_traces_sampler: Literal["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"] = (
        "parentbased_always_on"
    )
    """Which traces are recorded. Of a caller's own trace the id is kept, yet whether it is recorded is for the edge to
    say, unless a trusted proxy (`edge_trusted_hops`) has said so."""
    otel_traces_sampler_arg: float = Field(default=1, ge=0, le=1)
    """The share that is recorded, for `parentbased_traceidratio`."""
    deployment_environment: str = Field(default="development", min_length=1)
    """Which deployment the spans are of: development, staging, production …"""
    drain_settle_seconds: int = Field(default=1, ge=1)
    """How long a draining edge takes new connections still, until whoever sends them has noticed."""
    drain_grace_seconds: float = Field(default=30, ge=0)
    """How long requests in flight may take to finish after SIGTERM."""

    @property
    def jwks_address(self) -> Address:
        """Host and port of the keys."""
        return str(self.jwks_url.host), self.jwks_url.port or 80

    @property
    def traces_address(self) -> Address | None:
        """Host and port of the collector; None when no spans are made."""
        url = self.otel_exporter_otlp_endpoint
        if url is None or self.otel_sdk_disabled:
            return None
        return str(url.host), url.port or 80

    @property
    def traces_share(self) -> float:
        """The share of traces that begin here and are recorded."""
        shares = {"parentbased_always_on": 1.0, "parentbased_always_off": 0.0}
        return shares.get(self.otel_traces_sampler, self.otel_traces_sampler_arg)

    @property
    def jwks_path(self) -> str:
        """The keys' path on their host."""
        return self.jwks_url.path or "/"


Targets = Mapping[str, tuple[Address, ...]]


def load(upstreams: Collection[str], environment: Mapping[str, str] = os.environ) -> tuple[EdgeSettings, Targets]:
    """The settings, and where each upstream is: ORDER_TARGET is one or more `host:port` with commas between.

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
            problems.append(f"{variable}: must be host:port, or several with commas between")
    if settings is None or problems:
        raise SettingsError("\n".join(f"bad setting {problem}" for problem in problems))
    return settings, targets


def _target_of(upstream: str) -> str:
    return f"{upstream.upper()}_TARGET"


def _misspelt(given: Collection[str], known: Collection[str]) -> list[str]:
    """Of variables that are no setting and look like one that is not set. Others share the environment with us."""
    unset = [name for name in known if name not in given]
    found = {}
    for variable in sorted(set(given).difference(known)):
        near = [] if variable.startswith("OTEL_") else difflib.get_close_matches(variable, unset, 1, _ALIKE)
        if near:
            found[variable] = near[0]
    return [f"{variable}: no setting has this name; {meant} is meant" for variable, meant in found.items()]


def _sentence(message: str) -> str:
    """pydantic's message without what it puts before those of our own."""
    return "is missing" if message == "Field required" else message.removeprefix("Value error, ")
