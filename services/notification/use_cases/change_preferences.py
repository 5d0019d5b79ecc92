"""Change a user's mail preferences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.preferences import Preference, all_preferences, preferences
from services.notification.ports import Work


@dataclass(frozen=True)
class ChangePreferences:
    """The user, and the new value of kinds by name."""

    user_id: UUID
    stated: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class ChangePreferencesHandler:
    """Changes preferences. Concurrent changes of different kinds both stay."""

    work: Work

    async def __call__(self, command: ChangePreferences) -> list[Preference]:
        """All preferences after the change. Raises InvalidPreferences: nothing changed."""
        changes = preferences(command.stated)
        async with self.work.begin("notification.keep_preferences") as unit:
            await unit.preferences.keep(command.user_id, changes)
            return all_preferences(await unit.preferences.of(command.user_id))
