"""What each profile asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

CURIO = "load-curio"
"""What is sold in a flash."""
NORMAL_RATE = 5.0
"""Arrivals a second that are normal on this machine, unless another rate is asked for."""


class Visit(StrEnum):
    """What an arrival does (k6.js)."""

    NEWCOMER = "newcomer"
    """Registers, looks at a product, orders it, pays and looks until the order is confirmed."""
    READER = "reader"
    """Reads their own account and an order of theirs."""
    CUSTOMER = "customer"
    """As a newcomer, with an account from before."""
    BUYER = "buyer"
    """Orders one piece of the product of the flash sale, and pays if there was one."""


@dataclass(frozen=True)
class Stage:
    """So many arrivals a second, for so long."""

    seconds: float
    rate: float


@dataclass(frozen=True)
class Profile:
    """Arrivals, and who arrives."""

    name: str
    stages: Sequence[Stage]
    visits: Mapping[Visit, float]
    """Who arrives → the share of all arrivals."""
    people: int
    """How many accounts there are before it begins: they arrive in turn."""
    pieces: int = 0
    """How many there are of the product of the flash sale."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak(self) -> float:
        """The most arrivals a second."""
        return max(stage.rate for stage in self.stages)

    @property
    def arrivals(self) -> int:
        """How many come in all."""
        return math.floor(sum(stage.seconds * stage.rate for stage in self.stages))


_NEW_USERS = {Visit.NEWCOMER: 0.7, Visit.READER: 0.3}
_CUSTOMERS = {Visit.CUSTOMER: 0.7, Visit.READER: 0.3}


def profile(name: str, rate: float) -> Profile:
    """The profile of this name. Raises ValueError for another one.

    rate: arrivals a second that are normal on this machine; `ramp` has its own.
    """
    known = {
        "ramp": Profile("ramp", (Stage(60, 10), Stage(300, 50), Stage(120, 100)), _NEW_USERS, people=20),
        "spike": Profile("spike", (Stage(60, rate), Stage(60, 10 * rate), Stage(60, rate)), _CUSTOMERS, people=50),
        "soak": Profile("soak", (Stage(1800, rate),), _CUSTOMERS, people=50),
        "flash": Profile("flash", (Stage(100, 200),), {Visit.BUYER: 1.0}, people=200, pieces=1000),
    }
    if name not in known:
        raise ValueError(f"there is no profile {name}; PROFILE is one of {', '.join(known)}")
    return known[name]
