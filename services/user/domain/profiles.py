"""Profiles: optional data of a user."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

MOST_BYTES_OF_PREFERENCES = 8_192
"""The longest preferences, as JSON."""


@dataclass(frozen=True)
class Profile:
    """Optional data of a user. None: not given."""

    avatar_url: str | None = None
    bio: str | None = None
    preferences: dict[str, Any] | None = None
    address: dict[str, Any] | None = None
    phone: str | None = None
    date_of_birth: date | None = None


class InvalidProfile(Exception):
    """A field of a profile is not valid; `violations` has the field and what is valid."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(f"profile.{name}: {description}")
        self.violations = [(f"profile.{name}", description)]


def date_of_birth(text: str, today: date) -> date:
    """Parse `YYYY-MM-DD`. Raises InvalidProfile: it is not in the calendar, or not in the past."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidProfile("dateOfBirth", "must be a valid date, as YYYY-MM-DD") from None
    if day >= today:
        raise InvalidProfile("dateOfBirth", "must be in the past")
    return day


def preferences(given: dict[str, Any]) -> dict[str, Any]:
    """The preferences. Raises InvalidProfile if they are too large."""
    if len(json.dumps(given, ensure_ascii=False).encode()) > MOST_BYTES_OF_PREFERENCES:
        raise InvalidProfile("preferences", f"must be at most {MOST_BYTES_OF_PREFERENCES:,} bytes as JSON")
    return given
