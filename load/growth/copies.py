"""Which copies are made, and the ids that they have."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

PURCHASES = 20
"""Of the first customer, and of each copy of them."""
_SPREAD = timedelta(days=90)
_AT_A_TIME = 250
"""Copies that are written together."""


@dataclass(frozen=True)
class Copies:
    """Which copies are made: of customers with all that they have, then of orders of the first one."""

    customers: int
    of_one: int

    @property
    def all(self) -> int:
        """How many there are; they are numbered from 1."""
        return self.customers + self.of_one

    def customer(self, copy: int) -> int:
        """Whose copy it is: 0 is the first customer."""
        return copy if copy <= self.customers else 0

    def earlier(self, copy: int) -> timedelta:
        """How long before the originals it happened. Those of one customer follow each other from the last back."""
        number, of = (copy, self.customers) if copy <= self.customers else (copy - self.customers, self.of_one)
        return timedelta(milliseconds=_SPREAD / timedelta(milliseconds=1) * number // of)

    def position(self, copy: int, order: int) -> int:
        """The number of an order among those of its customer, the oldest first."""
        if 0 < copy <= self.customers:
            return order
        return (self.all - copy if copy else self.of_one) * PURCHASES + order

    def chunks(self) -> Iterator[range]:
        """The numbers of the copies, those together that are written together."""
        for first in range(1, self.all + 1, _AT_A_TIME):
            yield range(first, min(first + _AT_A_TIME, self.all + 1))


@lru_cache(maxsize=1000)
def copy_of(id_: str, copy: int, earlier: timedelta) -> str:
    """The id of a copy; copy 0 is the original. Ids of version 7 stay ordered by time."""
    if not copy:
        return id_
    plain, digest = id_.replace("-", ""), hashlib.md5(f"{id_}{copy}".encode(), usedforsecurity=False).hexdigest()
    if plain[12] == "7":
        at = int(plain[:12], 16) - earlier // timedelta(milliseconds=1)
        return str(UUID(f"{at:012x}7{digest[:3]}a{digest[3:18]}"))
    return str(UUID(f"{digest[:12]}5{digest[12:15]}a{digest[15:30]}"))
