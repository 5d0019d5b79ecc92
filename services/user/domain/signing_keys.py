"""Signing keys: which key signs tokens, and when a key may be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from services.user.domain.sessions import TOKEN_LIFE

KEY_MARGIN = timedelta(hours=1)
"""How much longer than its tokens a key is kept: clocks differ, and copies of a directory are delayed."""


class Standing(StrEnum):
    """The use of a key."""

    WAITING = "waiting"
    """Public, but not signing yet."""
    SIGNING = "signing"
    """Signs new tokens."""
    VERIFYING = "verifying"
    """No longer signs; its tokens may be valid."""
    SPENT = "spent"
    """None of its tokens is valid any more."""


class Published(Protocol):
    """The part of a signing key that the choice between keys needs."""

    @property
    def created_at(self) -> datetime:
        """When its public half was first published."""


class Key(Published, Protocol):
    """The same with the key's id."""

    @property
    def kid(self) -> str:
        """Its id."""


@dataclass(frozen=True)
class KeyStanding:
    """A key, its use, and the time range of that use."""

    kid: str
    standing: Standing
    public_since: datetime
    signs_from: datetime
    needed_until: datetime | None
    """When it may be retired; None: unknown before a newer key exists."""


class BadKeys(Exception):
    """The keys cannot be used; the message has the file and the reason."""


AnyKey = TypeVar("AnyKey", bound=Published)


def choose_signing_key(keys: Sequence[AnyKey], now: datetime, settle: timedelta) -> AnyKey:
    """The newest key that has been public for `settle`: every verifier has fetched it before it signs.

    If no key is that old (the first key, just created), it is the oldest one: most verifiers have it.

    Raises:
        ValueError: there are no keys.
    """
    settled = [key for key in keys if key.created_at + settle <= now]
    if settled:
        return max(settled, key=lambda key: key.created_at)
    return min(keys, key=lambda key: key.created_at)


def signs_until(key: Published, keys: Sequence[Published], settle: timedelta) -> datetime | None:
    """When the next newer key replaces this one; None: there is no newer key."""
    newer = [other.created_at for other in keys if other.created_at > key.created_at]
    return min(newer) + settle if newer else None


def needed_until(key: Published, keys: Sequence[Published], settle: timedelta) -> datetime | None:
    """Until when a token of this key can be valid; None: unknown, because the key signs or will sign."""
    last_signature = signs_until(key, keys, settle)
    return last_signature + TOKEN_LIFE + KEY_MARGIN if last_signature is not None else None


def standings(keys: Sequence[Key], now: datetime, settle: timedelta) -> Sequence[KeyStanding]:
    """The use of each key, in the order of the keys. Raises ValueError: there are no keys."""
    signing = choose_signing_key(keys, now, settle)
    return [_standing(key, keys, signing, now, settle) for key in keys]


def _standing(key: Key, keys: Sequence[Key], signing: Key, now: datetime, settle: timedelta) -> KeyStanding:
    until = needed_until(key, keys, settle)
    if key is signing:
        standing = Standing.SIGNING
    elif key.created_at > signing.created_at:
        standing = Standing.WAITING
    elif until is None or now < until:
        standing = Standing.VERIFYING
    else:
        standing = Standing.SPENT
    return KeyStanding(key.kid, standing, key.created_at, key.created_at + settle, until)
