"""Idempotency keys that a provider is asked with.

A request that is repeated under its key gets the first answer again. A provider may keep a failure of its own servers
under a key as well; the request then needs another key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

KEY_LIFE = timedelta(hours=23)
"""How long a request may be repeated under its key: less than any provider remembers keys."""
SERVER_ERRORS = 3
"""After so many failures of the provider's servers a key is spent: it may never get another answer."""
MOST_KEYS = 3
"""Under so many keys a request is tried at which the provider's servers fail."""


class Asked(Protocol):
    """A payment or a refund."""

    @property
    def created_at(self) -> datetime:
        """When it was stored."""

    @property
    def key_number(self) -> int:
        """Which of its keys the provider is asked with."""

    @property
    def server_errors(self) -> int:
        """How often the provider's servers have failed under that key."""


def numbered(key: str, number: int) -> str:
    """The key, or the one that follows it."""
    return key if number == 1 else f"{key}:{number}"


def is_young(created_at: datetime, now: datetime) -> bool:
    """Whether the provider certainly remembers the key of a request of that time."""
    return now - created_at < KEY_LIFE


def key_is_spent(asked: Asked) -> bool:
    """Whether the provider keeps a failure of its own under the key."""
    return asked.server_errors >= SERVER_ERRORS


def may_take_another_key(asked: Asked, now: datetime) -> bool:
    """Whether another key may be used for a request that the provider certainly has not executed."""
    return key_is_spent(asked) and asked.key_number < MOST_KEYS and is_young(asked.created_at, now)
