"""Lasting errors of a store that a health query does not detect, such as a full disk, a rotated password, a lost right.

Reads and open connections still work, so the store is impaired, not away. An operator has to fix the cause.
"""

from __future__ import annotations

import time

from services.chassis.plain import logs
from services.chassis.process.resource import Impaired

REMEMBERED_SECONDS = 20.0
"""Longer than a consumer pauses between two tries, so that the error stays visible while a consumer waits."""


class Trouble:
    """Keeps the last such error of one store for REMEMBERED_SECONDS."""

    def __init__(self) -> None:
        self._what = ""
        self._until = 0.0

    def note(self, error: BaseException) -> None:
        """Store an error."""
        self._what = logs.error_text(error)
        self._until = time.monotonic() + REMEMBERED_SECONDS

    def check(self) -> None:
        """Raise Impaired if an error was stored in the last REMEMBERED_SECONDS."""
        if time.monotonic() < self._until:
            raise Impaired(self._what)
