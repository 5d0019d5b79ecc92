"""List the keys that sign tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.user.domain.signing_keys import KeyStanding, standings
from services.user.ports import KeyStore


@dataclass(frozen=True)
class ListKeys:
    """When."""

    now: datetime


@dataclass(frozen=True)
class ListKeysHandler:
    """Reads the keys and the use of each. For operators only; no rpc uses it."""

    keys: KeyStore
    settle: timedelta
    """How long a new key is public before it signs."""

    def __call__(self, command: ListKeys) -> Sequence[KeyStanding]:
        """All keys, oldest first. Raises BadKeys."""
        return standings(self.keys.read(), command.now, self.settle)
