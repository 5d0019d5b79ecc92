"""Standing trouble of a store: what a mere question to it does not notice, and that may stay until somebody acts.

A full disk, a password that new connections are refused with, a right that was taken away: reads or open connections go
on meanwhile, so the store is impaired rather than away.
"""

from __future__ import annotations

import time

from services.chassis import logs
from services.chassis.resource import Impaired

REMEMBERED_SECONDS = 20.0
"""Longer than a consumer pauses between two tries: while one waits for the trouble to pass, it stays remembered."""


class Trouble:
    """The last standing trouble of one store, for as long as it is worth telling."""

    def __init__(self) -> None:
        self._what = ""
        self._until = 0.0

    def note(self, error: BaseException) -> None:
        """Remember an error."""
        self._what = logs.error_text(error)
        self._until = time.monotonic() + REMEMBERED_SECONDS

    def check(self) -> None:
        """Raises Impaired while there was trouble lately."""
        if time.monotonic() < self._until:
            raise Impaired(self._what)
