"""The base of every settings class, and the types of its fields.

Values are validated at start. An error names the variable and the expected form. It never repeats the value, which may
be a secret.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection, Iterable
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ESCAPE = r"write / ? # @ : and % inside a user or password as %2F %3F %23 %40 %3A %25"
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SHORTEST_TYPO = 8
_ALIKE = 0.87


class Environment(BaseSettings):
    """Settings from environment variables. White space around a value is removed: secret files end with a newline."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = value.strip()
        if not value.isprintable():
            raise ValueError("must be one line of printable characters")
        return value


def misspelt(variables: Iterable[str], settings: Collection[str]) -> dict[str, str]:
    """Probably misspelt variables: unknown variable → the similar setting that is not set.

    The environment also holds variables of other programs, so an unknown variable is reported only if its name is
    similar to one of ours. OTEL_… is left out: OpenTelemetry's SDK reads more of them than we do.
    """
    given = {variable.upper() for variable in variables}
    unset = [name for name in settings if name not in given and len(name) >= _SHORTEST_TYPO]
    found = {}
    for variable in sorted(given.difference(settings)):
        near = [] if variable.startswith("OTEL_") else difflib.get_close_matches(variable, unset, 1, _ALIKE)
        if near:
            found[variable] = near[0]
    return found


def split_url(text: str, schemes: Collection[str], form: str) -> SplitResult:
    """The parts of a URL with one host. Raises ValueError; its message has `form` but nothing of `text`."""
    parts = _split(text)
    if parts is None or parts.scheme not in schemes or not parts.hostname or parts.fragment:
        raise ValueError(f"must be {form}; {_ESCAPE}")
    if "@" in parts.path or "@" in parts.query or parts.netloc.count("@") > 1 or _BAD_PERCENT.search(parts.netloc):
        raise ValueError(f"must be {form}; {_ESCAPE}")
    if not _is_host(parts.hostname):
        raise ValueError(f"must be {form}, with one host: a name or an address")
    return parts


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        usable = parts.port != 0  # raises ValueError for an invalid port
    except ValueError:
        return None
    return parts if usable and " " not in text else None


def _is_host(text: str) -> bool:
    return _is_address(text) or _NAME.fullmatch(text) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _http_url(text: str) -> str:
    parts = split_url(text, ("http", "https"), "http://host[:port]/path or https://…")
    if "@" in parts.netloc:
        raise ValueError("must be http://host[:port]/path or https://…, without a user and a password")
    return text


def _target(text: str) -> str:
    parts = _split(f"//{text}")
    if parts is None or not parts.hostname or not parts.port or parts.netloc != text or "@" in text:
        raise ValueError("must be host:port")
    if not _is_host(parts.hostname):
        raise ValueError("must be host:port")
    return text


def _targets(text: str) -> str:
    try:
        return ",".join(_target(one.strip()) for one in text.split(","))
    except ValueError:
        raise ValueError("must be host:port; separate several by commas") from None


def _listen_address(text: str) -> str:
    if not _is_host(text):
        raise ValueError("must be an address to listen on: 127.0.0.1, 0.0.0.0, or :: for IPv6 and IPv4")
    return text


def _smtp_url(secret: SecretStr) -> SecretStr:
    form = "smtp://[user:password@]host[:port] or smtps://…"
    parts = split_url(secret.get_secret_value(), ("smtp", "smtps"), form)
    if parts.path.strip("/") or parts.query:
        raise ValueError(f"must be {form}, with nothing after it; {_ESCAPE}")
    return secret


HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""`http://…` or `https://…` without credentials."""
Target = Annotated[str, AfterValidator(_target)]
"""`host:port`"""
Targets = Annotated[str, AfterValidator(_targets)]
"""`host:port`; several are separated by commas."""
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
"""An address to listen on; `::` is IPv6 and IPv4."""
SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp_url)]
"""`smtp://[user:password@]host[:port]`, or smtps://…"""
