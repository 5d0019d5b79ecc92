"""Where a command takes its settings from.

In a pod (or wherever KAFKA_BOOTSTRAP_SERVERS is set), the process environment is that of a service. On a laptop, the
command uses the environment of the named service in the running stack. As for `make`, `ARGOSY_DATA` and
`ARGOSY_PORT_OFFSET` select the stack.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import DirectoryPath
from pydantic_settings import BaseSettings

from services.chassis.process.brokers import Brokers
from services.chassis.process.environment import Environment, Targets
from services.chassis.process.settings import load

S = TypeVar("S", bound=BaseSettings)

IN_A_SERVICE = "KAFKA_BOOTSTRAP_SERVERS"
"""A variable that every service's environment sets."""


class NoSystem(Exception):
    """No running system was found. The message says how to name or start one."""


class KafkaSettings(Environment):
    """The Kafka settings of a service's environment."""

    kafka_bootstrap_servers: Targets
    kafka_tls_dir: DirectoryPath | None = None

    @property
    def brokers(self) -> Brokers:
        """The Kafka brokers of these settings."""
        return Brokers(self.kafka_bootstrap_servers, self.kafka_tls_dir)


def settings_of(service: str, settings_class: type[S]) -> S:
    """The settings of a service. Raises NoSystem without a service's environment and without a laptop stack."""
    if in_a_service():
        return load(settings_class)
    with _environment(_laptop_environment(service)):
        return load(settings_class)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables while the block runs: programs that this process starts later do not inherit them."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables.keys() - before.keys():
            del os.environ[name]
        os.environ.update({name: before[name] for name in variables.keys() & before.keys()})


@cache
def in_a_service() -> bool:
    """Whether this process has the environment of a service, as in a pod."""
    return IN_A_SERVICE in os.environ


def in_a_checkout() -> bool:
    """Whether what writes code is here; the image of a service has no such thing."""
    return importlib.util.find_spec("scaffold") is not None


def kafka() -> Brokers:
    """The Kafka brokers. Raises NoSystem."""
    return settings_of("order", KafkaSettings).brokers


def trace_files() -> list[Path]:
    """The span files of the laptop's collector. Raises NoSystem without a laptop stack."""
    try:
        from cli import laptop
    except ImportError:
        raise NoSystem("traces are at your collector; name a file with --file") from None
    return laptop.trace_files()


def log_files() -> list[Path]:
    """The log files of the laptop stack; empty without laptop mode or stack."""
    try:
        from cli import laptop

        return laptop.log_files()
    except (ImportError, NoSystem):
        return []


def admin_addresses() -> dict[str, str]:
    """Service to the base URL of its admin port, on the laptop. Raises NoSystem."""
    try:
        from cli import laptop
    except ImportError:
        raise NoSystem("name the services' admin ports: --at order=http://127.0.0.1:9102") from None
    return laptop.admin_addresses()


def _laptop_environment(service: str) -> dict[str, str]:
    try:
        from cli import laptop  # the image of a service has no laptop mode
    except ImportError:
        raise NoSystem(f"set the service's environment (at least {IN_A_SERVICE}), or run this in its pod") from None
    return laptop.environment_of(service)
