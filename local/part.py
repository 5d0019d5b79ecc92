"""What a part of the stack is to the machinery that runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from local.health import Check


class Group(IntEnum):
    """Groups stop one after the other, the last first; their members stop together. All start at once."""

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

    `ports` are names in the port table; `environment` is all that the process gets besides PATH and the like. A part
    without a check is work that ends: it is ready when it has succeeded. `needs` are the parts that a person who asks
    for this one alone wants beside it; nothing is started in their order.
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
