"""Ids: UUIDs, in their canonical lower-case text outside.

New things get version 7 (ordered by time, so that indexes grow at one end); a thing that must get the same id whenever
it is asked for again gets version 5 of what identifies it.
"""

from __future__ import annotations

import os
import re
import time
import uuid

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SEPARATOR = "\0"  # no text that reaches a service holds it
_last: int = 0


def new_id() -> uuid.UUID:
    """A new version 7 UUID (RFC 9562): 48 bits of Unix milliseconds, then 12 that keep one process's ids rising."""
    global _last
    # Milliseconds and a counter in one number: a clock that stands still or goes back only moves the counter on.
    stamp = _last = max(time.time_ns() // 1_000_000 << 12, _last + 1)
    milliseconds, counter = stamp >> 12, stamp & 0xFFF
    random = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | random)


def derived_id(namespace: uuid.UUID, part: str, *more: str) -> uuid.UUID:
    """The one UUID (version 5) of these parts, in this order: the same whenever and wherever it is asked for.

    Raises ValueError for a part with a NUL in it, which could make two different lists of parts read alike.
    """
    parts = (part, *more)
    if any(_SEPARATOR in each for each in parts):
        raise ValueError("a part of a derived id must not contain NUL")
    return uuid.uuid5(namespace, _SEPARATOR.join(parts))


def parse_id(text: str) -> uuid.UUID:
    """The UUID that a canonical text names (36 characters, either case). Raises ValueError for any other text.

    `uuid.UUID` alone also takes braces, `urn:uuid:` and missing hyphens: many names for one thing.
    """
    if not _CANONICAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a UUID in its canonical form")
    return uuid.UUID(text)
