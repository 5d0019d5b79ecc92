"""Validates the URL of a PostgreSQL database.

Migrations connect with libpq, the service with asyncpg. Each ignores or refuses some parameters of the other. Only
parameters that mean the same to both are allowed, so that a URL works for both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, SecretStr

from services.chassis.process.environment import split_url

_FORM = "postgresql://user:password@host[:port]/database"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslrootcert", "sslcert", "sslkey", "passfile")
_PARAMETERS = ("sslmode", *_FILES, "options", "target_session_attrs")
_LEFT_OUT = {
    "channel_binding": "asyncpg does not support channel binding; sslmode=verify-full authenticates the server",
    "connect_timeout": "the service's timeout is 2 s",
    "application_name": "the service sets it to its name",
    "keepalives": "the service sets its own",
    "gssencmode": "asyncpg does not support GSSAPI encryption",
    "pgbouncer": "it is not a parameter of PostgreSQL",
}


def checked(secret: SecretStr) -> SecretStr:
    """The URL, unchanged. Raises ValueError; its message has the rule but nothing of the URL."""
    parts = split_url(secret.get_secret_value(), ("postgresql", "postgres"), _FORM)
    if not parts.username or not parts.path[1:] or "/" in parts.path[1:]:
        raise ValueError(f"must be {_FORM}")
    _check_parameters(parts.query)
    return secret


def _check_parameters(query: str) -> None:
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError:
        raise ValueError(f"has parameters that are not name=value; it takes {_PARAMETERS_TEXT}") from None
    for name in given:
        if name in _LEFT_OUT:
            raise ValueError(f"leave out {name}: {_LEFT_OUT[name]}")
        if name not in _PARAMETERS:  # not in the message: it may be part of a password
            raise ValueError(f"has a parameter that is not supported; it takes {_PARAMETERS_TEXT}")
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(_SSL_MODES)}")
    for name in _FILES:
        if name in given and not Path(given[name]).is_file():
            raise ValueError(f"{name} must be a readable file")


_PARAMETERS_TEXT = ", ".join(_PARAMETERS)

PostgresUrl = Annotated[SecretStr, AfterValidator(checked)]
"""`postgresql://user:password@host[:port]/database`, with the allowed parameters."""
