"""Whose settings a command uses.

In a pod (or wherever KAFKA_BOOTSTRAP_SERVERS is set) the process's own environment is a service's. On a laptop it is
the named service's of the running stack, which `ARGOSY_DATA` and `ARGOSY_PORT_OFFSET` choose as they do for `make`.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import DirectoryPath
from pydantic_settings import BaseSettings

from services.chassis.brokers import Brokers
from services.chassis.environment import Environment, Targets
from services.chassis.settings import load

S = TypeVar("S", bound=BaseSettings)

IN_A_SERVICE = "KAFKA_BOOTSTRAP_SERVERS"
"""A variable that every service has."""


class NoSystem(Exception):
    """There is no system to look after, and what would be right."""


class KafkaSettings(Environment):
    """What commands about topics need of a service's environment."""

    kafka_bootstrap_servers: Targets
    kafka_tls_dir: DirectoryPath | None = None

    @property
    def brokers(self) -> Brokers:
        """Kafka, as the two variables have it."""
        return Brokers(self.kafka_bootstrap_servers, self.kafka_tls_dir)


def settings_of(service: str, settings_class: type[S]) -> S:
    """The settings of a service. Raises NoSystem when neither a pod's environment nor a laptop's stack is here."""
    if not in_a_service():
        os.environ.update(_laptop_environment(service))
    return load(settings_class)


@cache
def in_a_service() -> bool:
    """Whether this process was started with a service's environment, as in a pod."""
    return IN_A_SERVICE in os.environ


def in_a_checkout() -> bool:
    """Whether what writes code is here; the image of a service has no such thing."""
    return importlib.util.find_spec("scaffold") is not None


def kafka() -> Brokers:
    """The brokers. Raises NoSystem."""
    return settings_of("order", KafkaSettings).brokers


def trace_files() -> list[Path]:
    """The files of the laptop's collector. Raises NoSystem where there is none."""
    try:
        from cli import laptop
    except ImportError:
        raise NoSystem("traces are at your collector; name a file with --file") from None
    return laptop.trace_files()


def log_files() -> list[Path]:
    """The logs of the laptop's stack; none where there is no laptop mode, or no stack."""
    try:
        from cli import laptop

        return laptop.log_files()
    except (ImportError, NoSystem):
        return []


def admin_addresses() -> dict[str, str]:
    """Where each service of the laptop's stack answers /health and /metrics. Raises NoSystem."""
    try:
        from cli import laptop
    except ImportError:
        raise NoSystem("say where the services' admin ports are: --at order=http://127.0.0.1:9102") from None
    return laptop.admin_addresses()


def _laptop_environment(service: str) -> dict[str, str]:
    try:
        from cli import laptop  # the image of a service has no laptop mode
    except ImportError:
        raise NoSystem(f"set the service's environment (at least {IN_A_SERVICE}), or run this in its pod") from None
    return laptop.environment_of(service)
