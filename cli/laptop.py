"""The laptop stack as commands see it."""

from __future__ import annotations

from pathlib import Path

from cli.environment import NoSystem
from local import credentials, data, topology
from local.ports import SERVICES
from local.stack import Stack
from local.traces.store import files


def running_stack() -> Stack:
    """The stack that the environment selects, with the ports it was started with. Raises NoSystem if there is none."""
    try:
        named = Stack.from_environment()
    except ValueError as error:
        raise NoSystem(str(error)) from error
    if not data.ours(named):
        raise NoSystem("no system was ever started here: `make up` starts one, ARGOSY_DATA selects another directory")
    return data.as_started(named)


def environment_of(service: str) -> dict[str, str]:
    """The environment that the stack gives a service. Raises NoSystem."""
    stack = running_stack()
    table = topology.parts(stack, credentials.read(stack.secrets))
    return next(dict(part.environment) for part in table if part.name == service)


def admin_addresses() -> dict[str, str]:
    """Service to the base URL that answers /health and /metrics. Raises NoSystem."""
    stack = running_stack()
    return {service: stack.url(f"{service}-admin") for service in SERVICES}


def trace_files() -> list[Path]:
    """The span files of the stack's collector. Raises NoSystem if traces are off."""
    stack = running_stack()
    found = files(stack.traces_directory)
    if not found:
        raise NoSystem("this stack keeps no traces: `make down`, then `ARGOSY_TRACES=1 make up`")
    return found


def log_files() -> list[Path]:
    """The log files of the stack's processes, oldest first. Raises NoSystem."""
    return sorted(running_stack().logs.glob("*.log*"), key=lambda path: path.stat().st_mtime)
