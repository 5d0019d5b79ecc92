"""Ids: UUIDs. Their text is canonical and in lower case.

New ids are version 7: ordered by time, so that indexes grow at one end. Derived ids are version 5: the same input gives
the same id.
"""

from __future__ import annotations

import os
import re
import time
import uuid

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NIL = uuid.UUID(int=0)
"""Before all ids: where a walk through a table begins."""
MAX = uuid.UUID(int=2**128 - 1)
"""After all ids: where a list begins whose newest items come first."""
_SEPARATOR = "\0"  # validation refuses it in every request
_last: int = 0


def new_id() -> uuid.UUID:
    """A new version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, 12 bits of counter. Ids of a process increase."""
    global _last
    # Milliseconds and counter are one number: if the clock stops or goes back, the counter increases.
    stamp = _last = max(time.time_ns() // 1_000_000 << 12, _last + 1)
    milliseconds, counter = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | random)


def derived_id(namespace: uuid.UUID, part: str, *more: str) -> uuid.UUID:
    """The version 5 UUID of these parts, in this order.

    Raises ValueError for a part that contains NUL, the separator: different parts could give the same id.
    """
    parts = (part, *more)
    if any(_SEPARATOR in each for each in parts):
        raise ValueError("a part of a derived id must not contain NUL")
    return uuid.uuid5(namespace, _SEPARATOR.join(parts))


def parse_id(text: str) -> uuid.UUID:
    """Parse a canonical UUID (36 characters, either case). Raises ValueError for any other text.

    `uuid.UUID` alone also accepts braces, `urn:uuid:` and missing hyphens, so that one id would have many texts.
    """
    if not _CANONICAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a UUID in its canonical form")
    return uuid.UUID(text)
