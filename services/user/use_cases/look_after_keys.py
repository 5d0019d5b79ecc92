"""Look after the keys that sign tokens: how each stands, a new one, an old one away. An operator's doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from services.chassis import clock
from services.user import domain, signing_keys
from services.user.signing_keys import SigningKey

_log = structlog.get_logger()


class Standing(StrEnum):
    """What a key is there for."""

    WAITING = "waiting"
    """It is public, and does not sign yet."""
    SIGNING = "signing"
    """It signs the tokens of now."""
    VERIFYING = "verifying"
    """It signs no more; tokens that it signed may be good."""
    SPENT = "spent"
    """No token that it signed is good any more."""


class NoSuchKey(Exception):
    """There is no key of that id."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"there is no key {kid}")


class KeyStillNeeded(Exception):
    """Taking the key away would sign people out."""

    def __init__(self, kid: str, until: datetime | None) -> None:
        when = (
            f"until {clock.to_text(until)}" if until else "until a newer one has taken over and its tokens have expired"
        )
        super().__init__(f"the key {kid} is needed {when}")


@dataclass(frozen=True)
class KeyStanding:
    """How a key stands."""

    kid: str
    standing: Standing
    public_since: datetime
    signs_from: datetime
    needed_until: datetime | None
    """When it may be retired; None: not known before there is a newer one."""


@dataclass(frozen=True)
class KeyKeeper:
    """Looks after one directory of keys. What it does may be repeated, and done by several at once."""

    directory: Path
    settle: timedelta

    def standings(self, now: datetime) -> Sequence[KeyStanding]:
        """All keys, oldest first. Raises BadKeys."""
        keys = signing_keys.read(self.directory)
        signing = domain.choose_signing_key(keys, now, self.settle)
        return [self._standing(key, keys, signing, now) for key in keys]

    def rotate(self, now: datetime, operator: str) -> tuple[KeyStanding, bool]:
        """The key that signs next, and whether it was made by this: one that waits for its turn already will do.

        Raises:
            BadKeys: the directory holds none, or one that cannot be read.
            OSError: it cannot be written.
        """
        with signing_keys.alone_in(self.directory):
            newest = self.standings(now)[-1]
            if newest.standing is Standing.WAITING:
                return newest, False
            kid = signing_keys.add(self.directory, now).stem
        _log.info("token_key_added", audit=True, kid=kid, operator=operator)
        return next(each for each in self.standings(now) if each.kid == kid), True

    def retire(self, kid: str, now: datetime, operator: str) -> None:
        """Take a key away that no good token was signed by.

        Raises:
            NoSuchKey: it is not there.
            KeyStillNeeded: a token of its may be good; nothing was changed.
            BadKeys: the directory holds none, or one that cannot be read.
            OSError: it cannot be written.
        """
        with signing_keys.alone_in(self.directory):
            found = next((each for each in self.standings(now) if each.kid == kid), None)
            if found is None:
                raise NoSuchKey(kid)
            if found.standing is not Standing.SPENT:
                raise KeyStillNeeded(kid, found.needed_until)
            signing_keys.remove(self.directory, kid)
        _log.info("token_key_retired", audit=True, kid=kid, operator=operator)

    def _standing(self, key: SigningKey, keys: Sequence[SigningKey], signing: SigningKey, now: datetime) -> KeyStanding:
        needed_until = domain.needed_until(key, keys, self.settle)
        if key is signing:
            standing = Standing.SIGNING
        elif key.created_at > signing.created_at:
            standing = Standing.WAITING
        elif needed_until is None or now < needed_until:
            standing = Standing.VERIFYING
        else:
            standing = Standing.SPENT
        return KeyStanding(key.kid, standing, key.created_at, key.created_at + self.settle, needed_until)
