"""Idempotency keys with Stripe's semantics.

Source: https://docs.stripe.com/api/idempotent_requests and https://docs.stripe.com/error-low-level#idempotency:
the first answer's status and body are kept for 24 hours once execution has begun, whether it succeeded or not, and
replayed; other parameters under the key are an error; so is a second request while the first is under way; a request
whose parameters cannot be read keeps nothing.

The state change and the kept answer are one transaction. What is under way is known in memory alone: when the process
dies, nothing is under way any more.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.stripe.answers import SavedAnswer
from local.stripe.errors import StripeError, key_in_use, key_used_elsewhere, key_used_otherwise
from local.stripe.form import Tree

LIFETIME_SECONDS = 24 * 3_600
_LONGEST_KEY = 255


def check_key(key: str) -> None:
    """Raises StripeError (400) for a key that Stripe would not take."""
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise StripeError(f"Idempotency keys can be up to {_LONGEST_KEY} characters long.")


def fingerprint(path: str, parameters: Mapping[str, Tree]) -> str:
    """Tells requests apart without keeping what they said."""
    return hashlib.sha256(json.dumps([path, parameters], sort_keys=True).encode()).hexdigest()


def replayable(saved: SavedAnswer | None, key: str, path: str, print_: str, now: float) -> SavedAnswer | None:
    """The answer to repeat; None when the request is to be executed.

    Raises StripeError (400) when the key was used for something else.
    """
    if saved is None or saved.created <= now - LIFETIME_SECONDS:
        return None
    if saved.path != path:
        raise key_used_elsewhere(key, path, saved.path)
    if saved.fingerprint != print_:
        raise key_used_otherwise(key)
    return saved


class KeysInUse:
    """The keys whose requests are under way in this process."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __len__(self) -> int:
        return len(self._keys)

    @contextmanager
    def use(self, key: str | None) -> Iterator[None]:
        """Raises StripeError (409) when somebody else uses it. None is no key, and always free."""
        if key is None:
            yield
            return
        if key in self._keys:
            raise key_in_use(key)
        self._keys.add(key)
        try:
            yield
        finally:
            self._keys.discard(key)
