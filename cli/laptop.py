"""The laptop's stack, as commands see it."""

from __future__ import annotations

from pathlib import Path

from cli.environment import NoSystem
from local import credentials, data, topology
from local.ports import SERVICES
from local.stack import Stack
from local.traces.store import files


def running_stack() -> Stack:
    """The stack that the environment names, with the ports it was started with. Raises NoSystem without one."""
    try:
        named = Stack.from_environment()
    except ValueError as error:
        raise NoSystem(str(error)) from error
    if not data.ours(named):
        raise NoSystem("no system was ever started here: `make up` starts one, ARGOSY_DATA names another's directory")
    return data.as_started(named)


def environment_of(service: str) -> dict[str, str]:
    """What the stack gives a service. Raises NoSystem."""
    stack = running_stack()
    table = topology.parts(stack, credentials.read(stack.secrets))
    return next(dict(part.environment) for part in table if part.name == service)


def admin_addresses() -> dict[str, str]:
    """Where each service answers /health and /metrics. Raises NoSystem."""
    stack = running_stack()
    return {service: stack.url(f"{service}-admin") for service in SERVICES}


def trace_files() -> list[Path]:
    """Where the stack's collector keeps spans. Raises NoSystem when it keeps none."""
    stack = running_stack()
    found = files(stack.traces_directory)
    if not found:
        raise NoSystem("this stack keeps no traces: `make down`, then `ARGOSY_TRACES=1 make up`")
    return found


def log_files() -> list[Path]:
    """The logs of the stack's parts, the older ones first. Raises NoSystem."""
    return sorted(running_stack().logs.glob("*.log*"), key=lambda path: path.stat().st_mtime)
