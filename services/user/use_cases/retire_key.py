"""Delete a signing key that has no valid token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.user.domain.signing_keys import Standing, standings
from services.user.ports import KeyStore

_log = structlog.get_logger()


class NoSuchKey(Exception):
    """There is no key of this id."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"there is no key {kid}")


class KeyStillNeeded(Exception):
    """Tokens of the key may be valid: deleting it would sign users out."""

    def __init__(self, kid: str, until: datetime | None) -> None:
        super().__init__(f"the key {kid} is needed")
        self.until = until
        """None: until a newer key signs and the tokens of this one have expired."""


@dataclass(frozen=True)
class RetireKey:
    """The key, the time, and the operator."""

    kid: str
    now: datetime
    operator: str


@dataclass(frozen=True)
class RetireKeyHandler:
    """Deletes spent keys. For operators only; no rpc uses it."""

    keys: KeyStore
    settle: timedelta
    """How long a new key is public before it signs."""

    def __call__(self, command: RetireKey) -> None:
        """Deletes the key.

        Raises:
            NoSuchKey: it does not exist.
            KeyStillNeeded: one of its tokens may be valid; nothing has changed.
            BadKeys: there are no keys, or one cannot be read.
            OSError: the key cannot be deleted.
        """
        with self.keys.alone():
            known = standings(self.keys.read(), command.now, self.settle)
            found = next((each for each in known if each.kid == command.kid), None)
            if found is None:
                raise NoSuchKey(command.kid)
            if found.standing is not Standing.SPENT:
                raise KeyStillNeeded(command.kid, found.needed_until)
            self.keys.remove(command.kid)
        _log.info("token_key_retired", audit=True, kid=command.kid, operator=command.operator)
