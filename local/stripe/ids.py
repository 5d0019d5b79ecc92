"""Identifiers in Stripe's manner: a prefix that tells the kind, then something that nobody can guess."""

import secrets

_RANDOM_BYTES = 12  # challenge pages and client secrets rely on these 96 bits


def random_token() -> str:
    """24 hexadecimal digits from the system's secure source."""
    return secrets.token_hex(_RANDOM_BYTES)


def new_id(prefix: str) -> str:
    """A new identifier such as `pi_4f3a…`."""
    return f"{prefix}_{random_token()}"
