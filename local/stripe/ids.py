"""Identifiers in Stripe's manner: a prefix that tells the kind, then random letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_RANDOM_LENGTH = 24  # 142 bits: cannot be guessed, which the challenge pages and client secrets rely on


def random_token(length: int = _RANDOM_LENGTH) -> str:
    """Letters and digits from the system's secure source."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """A new identifier such as `pi_4kJ…`."""
    return f"{prefix}_{random_token()}"
