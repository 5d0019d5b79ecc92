"""Preferences: the kinds of messages that a user wants by mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.notification.domain.messages import Kind


class InvalidPreferences(Exception):
    """A preference is invalid; `violations` has the fields and what is valid."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = violations


@dataclass(frozen=True)
class Preference:
    """Whether a user wants a kind of message by mail."""

    kind: Kind
    email: bool


def preferences(stated: Sequence[tuple[str, bool]]) -> list[Preference]:
    """The given preferences, by the name of the kind; the last one of a kind counts.

    Raises:
        InvalidPreferences: the kind is unknown, or cannot be turned off.
    """
    violations = [
        problem for index, (name, email) in enumerate(stated) if (problem := _problem(index, name, email)) is not None
    ]
    if violations:
        raise InvalidPreferences(violations)
    return [Preference(kind, email) for kind, email in {Kind(name): email for name, email in stated}.items()]


def all_preferences(stated: Mapping[str, bool]) -> list[Preference]:
    """Every kind; wanted unless turned off."""
    return [Preference(kind, kind.is_required or stated.get(kind, True)) for kind in Kind]


def _problem(index: int, name: str, email: bool) -> tuple[str, str] | None:
    if name not in set(Kind):
        return f"preferences[{index}].kind", f"must be one of {', '.join(Kind)}"
    if not email and Kind(name).is_required:
        return f"preferences[{index}].email", f"must be true: {name} is about the security of the account"
    return None
