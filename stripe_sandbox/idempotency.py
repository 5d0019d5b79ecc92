"""Idempotency keys with Stripe's semantics.

Source: https://docs.stripe.com/api/idempotent_requests and https://docs.stripe.com/error-low-level#idempotency.
Once execution has begun, the first answer is stored for 24 hours, success or not, and replayed. Other parameters under
the same key are an error; so is a second request while the first is in progress. A request with invalid parameters
stores nothing.

The state change and the stored answer are one transaction. Requests in progress are tracked in memory only: none
survives the process.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stripe_sandbox.answers import SavedAnswer
from stripe_sandbox.errors import StripeError, key_in_use, key_used_elsewhere, key_used_otherwise
from stripe_sandbox.form import Tree

LIFETIME_SECONDS = 24 * 3_600
_LONGEST_KEY = 255


def check_key(key: str) -> None:
    """Raise StripeError (400) for a key that Stripe would reject."""
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise StripeError(f"Idempotency keys can be up to {_LONGEST_KEY} characters long.")


def fingerprint(path: str, parameters: Mapping[str, Tree]) -> str:
    """A hash that distinguishes requests without storing their content."""
    return hashlib.sha256(json.dumps([path, parameters], sort_keys=True).encode()).hexdigest()


def replayable(saved: SavedAnswer | None, key: str, path: str, print_: str, now: float) -> SavedAnswer | None:
    """The stored answer to replay; None if the request must be executed.

    Raises StripeError (400) if the key was used for another request.
    """
    if saved is None or saved.created <= now - LIFETIME_SECONDS:
        return None
    if saved.path != path:
        raise key_used_elsewhere(key, path, saved.path)
    if saved.fingerprint != print_:
        raise key_used_otherwise(key)
    return saved


class KeysInUse:
    """The keys of requests in progress in this process."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __len__(self) -> int:
        return len(self._keys)

    @contextmanager
    def use(self, key: str | None) -> Iterator[None]:
        """Hold a key during a request. Raises StripeError (409) if it is in use. None stands for no key."""
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
