"""A part of the stack: one supervised process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from local.health import Check


class Group(IntEnum):
    """Groups stop in reverse order; the members of a group stop together. All groups start at once."""

    STORES = 1
    PARTIES = 2
    CONTROL_PLANE = 3
    SIDECARS = 4
    SERVICES = 5
    EDGE = 6

    @property
    def label(self) -> str:
        """The supervisor's name for the group."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    `ports` are names in the port table. `environment` is the complete environment besides PATH and the like. A part
    without a check is a task: it is ready when it has exited with 0. `needs` are the parts to start with this one when
    a person names it alone; they do not determine any order.
    """

    name: str
    group: Group
    command: tuple[str, ...]
    ready: Check | None
    ports: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    stop_seconds: int = 15
