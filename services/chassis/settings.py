"""Settings: environment variables → one frozen object, read once at start.

A field `grpc_port` is the variable GRPC_PORT. Secrets are SecretStr, so that printing a settings object shows none.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, NoReturn, TypeVar

from pydantic import DirectoryPath, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings

from services.chassis.brokers import Brokers
from services.chassis.environment import HttpUrl, ListenAddress, Targets, misspelt
from services.chassis.tracing.settings import TracingSettings


class CommonSettings(TracingSettings):
    """What every service needs. A service's own class inherits it and adds fields."""

    host: ListenAddress = "127.0.0.1"
    """The address that both ports listen on."""
    grpc_port: int = Field(ge=0, le=65535)
    admin_port: int = Field(ge=0, le=65535)
    """HTTP: /health, /live, /metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    jwks_url: HttpUrl | None = None
    """Where the public keys of user tokens are fetched; the user service has them itself."""
    service_key_file: FilePath
    """This service's own Ed25519 private key (PEM): signs its calls to other services."""
    service_keys_file: FilePath
    """Every service's public key (JSON, name → base64 of the 32 raw bytes): verifies their calls."""
    kafka_bootstrap_servers: Targets
    kafka_tls_dir: DirectoryPath | None = None
    """Where cluster-ca.crt, user.crt and user.key are; without it Kafka is spoken to in plain text."""
    revocations_patience_seconds: float = Field(default=15, ge=0)
    """How long calls wait at start for a Kafka that is away, to learn which sessions have ended."""
    drain_grace_seconds: float = Field(default=30, ge=0)
    """How long calls in flight may take to finish after SIGTERM."""
    drain_settle_seconds: float = Field(default=1, ge=0)
    """How long health says NOT_SERVING before new calls are refused, so that the edge has noticed."""

    @property
    def brokers(self) -> Brokers:
        """Kafka, as the two variables have it."""
        return Brokers(self.kafka_bootstrap_servers, self.kafka_tls_dir)


S = TypeVar("S", bound=BaseSettings)


def load(settings_class: type[S]) -> S:
    """The settings from the environment. Names every bad variable on stderr, never a value, and exits with 2."""
    names = {name.upper() for name in settings_class.model_fields}
    typos = misspelt(os.environ, names).items()
    problems = [f"{wrong}: no setting has this name; {right} is meant" for wrong, right in typos]
    try:
        settings = settings_class()
    except ValidationError as error:
        problems += [f"{_variable(problem['loc'])}: {_sentence(problem['msg'])}" for problem in error.errors()]
        refuse(*problems)
    if problems:
        refuse(*problems)
    return settings


def refuse(*problems: str) -> NoReturn:
    """Say what is wrong with the environment, one line each, and exit with 2."""
    for problem in problems:
        sys.stderr.write(f"bad setting {problem}\n")
    raise SystemExit(2)


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "(together)"


def _sentence(message: str) -> str:
    """pydantic's message without what it puts before those of our own."""
    return "is missing" if message == "Field required" else message.removeprefix("Value error, ")
