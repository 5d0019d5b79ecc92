"""Create the key that signs tokens next. Nobody is signed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.user.domain.signing_keys import KeyStanding, Standing, standings
from services.user.ports import KeyStore

_log = structlog.get_logger()


@dataclass(frozen=True)
class RotateKeys:
    """The time, and the operator."""

    now: datetime
    operator: str


@dataclass(frozen=True)
class RotateKeysHandler:
    """Adds keys. Idempotent, and safe to run concurrently. For operators only; no rpc uses it."""

    keys: KeyStore
    settle: timedelta
    """How long a new key is public before it signs."""

    def __call__(self, command: RotateKeys) -> tuple[KeyStanding, bool]:
        """The key that signs next, and whether this call created it: an already waiting key is returned instead.

        Raises:
            BadKeys: there are no keys, or one cannot be read.
            OSError: the key cannot be written.
        """
        with self.keys.alone():
            newest = standings(self.keys.read(), command.now, self.settle)[-1]
            if newest.standing is Standing.WAITING:
                return newest, False
            kid = self.keys.add(command.now)
        _log.info("token_key_added", audit=True, kid=kid, operator=command.operator)
        return next(each for each in standings(self.keys.read(), command.now, self.settle) if each.kid == kid), True
