"""The laptop's stack, as commands see it."""

from __future__ import annotations

from cli.environment import NoSystem
from local import credentials, data, topology
from local.stack import Stack


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
