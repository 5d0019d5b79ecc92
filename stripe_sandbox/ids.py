"""Identifiers in Stripe's format: a prefix for the kind, then a random part that cannot be guessed."""

import secrets

_RANDOM_BYTES = 12  # 96 bits protect challenge pages and client secrets


def random_token() -> str:
    """24 hexadecimal digits from a cryptographically secure source."""
    return secrets.token_hex(_RANDOM_BYTES)


def new_id(prefix: str) -> str:
    """A new identifier such as `pi_4f3a…`."""
    return f"{prefix}_{random_token()}"
