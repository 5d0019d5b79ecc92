"""The URL of a PostgreSQL database, as far as both of its readers understand it.

Migrations connect by libpq, the service by asyncpg. Each ignores or refuses some of what the other takes, so only what
means the same to both is a good setting: a URL that migrates also serves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, SecretStr

from services.chassis.environment import split_url

_FORM = "postgresql://user:password@host[:port]/database"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslrootcert", "sslcert", "sslkey", "passfile")
_PARAMETERS = ("sslmode", *_FILES, "options", "target_session_attrs")
_LEFT_OUT = {
    "channel_binding": "asyncpg cannot bind channels; sslmode=verify-full proves who the server is",
    "connect_timeout": "a connection attempt has 2 s",
    "application_name": "it is the service's name",
    "keepalives": "the service sets its own",
    "gssencmode": "asyncpg does not encrypt by GSSAPI",
    "pgbouncer": "no setting of PostgreSQL",
}


def checked(secret: SecretStr) -> SecretStr:
    """The URL unchanged. Raises ValueError with what would be right, without any of the URL."""
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
        if name not in _PARAMETERS:  # not repeated: it may be a piece of a password
            raise ValueError(f"has a parameter that is not supported; it takes {_PARAMETERS_TEXT}")
    if given.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(_SSL_MODES)}")
    for name in _FILES:
        if name in given and not Path(given[name]).is_file():
            raise ValueError(f"{name} must be a file that can be read")


_PARAMETERS_TEXT = ", ".join(_PARAMETERS)

PostgresUrl = Annotated[SecretStr, AfterValidator(checked)]
"""`postgresql://user:password@host[:port]/database`, with few parameters."""
