"""Get a user's mail preferences."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.preferences import Preference, all_preferences
from services.notification.ports import Work


@dataclass(frozen=True)
class GetPreferences:
    """Whose."""

    user_id: UUID


@dataclass(frozen=True)
class GetPreferencesHandler:
    """Reads preferences."""

    work: Work

    async def __call__(self, command: GetPreferences) -> list[Preference]:
        """Every kind of message, and whether the user wants it."""
        async with self.work.read() as unit:
            return all_preferences(await unit.preferences.of(command.user_id))
