"""Settings: environment variables → one frozen object, read once at start.

The field `grpc_port` is the variable GRPC_PORT. Secrets are SecretStr, so that printing does not show them.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, NoReturn, TypeVar

from pydantic import DirectoryPath, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings

from services.chassis.process.brokers import Brokers
from services.chassis.process.environment import HttpUrl, ListenAddress, Targets, misspelt
from services.chassis.tracing.settings import TracingSettings


class CommonSettings(TracingSettings):
    """The settings of every service. A service's own class inherits it and adds fields."""

    host: ListenAddress = "127.0.0.1"
    """The listen address of both ports."""
    grpc_port: int = Field(ge=0, le=65535)
    admin_port: int = Field(ge=0, le=65535)
    """HTTP: /health, /live, /metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    jwks_url: HttpUrl | None = None
    """The endpoint of the public keys of user tokens. Not needed by the user service, which has the keys."""
    service_key_file: FilePath
    """This service's Ed25519 private key (PEM). It signs calls to other services."""
    service_keys_file: FilePath
    """The public keys of all services (JSON: name → base64 of the 32 raw bytes). They verify calls."""
    kafka_bootstrap_servers: Targets
    kafka_tls_dir: DirectoryPath | None = None
    """The directory of cluster-ca.crt, user.crt and user.key. Without it, connections to Kafka are not encrypted."""
    revocations_patience_seconds: float = Field(default=15, ge=0)
    """How long the start waits for an unavailable Kafka, to read revoked sessions."""
    drain_grace_seconds: float = Field(default=30, ge=0)
    """How long calls in flight may take after SIGTERM."""
    drain_settle_seconds: float = Field(default=1, ge=0)
    """How long health is NOT_SERVING before new calls are refused, so that the edge notices."""

    @property
    def brokers(self) -> Brokers:
        """Kafka's brokers."""
        return Brokers(self.kafka_bootstrap_servers, self.kafka_tls_dir)


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: type[S]) -> S:
    """Read the settings from the environment. Prints every invalid variable to stderr, without values; exits with 2."""
    names = {name.upper() for name in settings_class.model_fields}
    typos = misspelt(os.environ, names).items()
    problems = [f"{wrong}: unknown setting; did you mean {right}?" for wrong, right in typos]
    try:
        settings = settings_class()
    except ValidationError as error:
        problems += [f"{_variable(problem['loc'])}: {_sentence(problem['msg'])}" for problem in error.errors()]
        refuse(*problems)
    if problems:
        refuse(*problems)
    return settings


def refuse(*problems: str) -> NoReturn:
    """Print each problem with the environment in one line, and exit with 2."""
    for problem in problems:
        sys.stderr.write(f"bad setting {problem}\n")
    raise SystemExit(2)


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "(together)"


def _sentence(message: str) -> str:
    """pydantic's message, without its prefix for our own errors."""
    return "is missing" if message == "Field required" else message.removeprefix("Value error, ")
