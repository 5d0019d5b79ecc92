"""What people want to be sent, and what not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.domain import Preference, all_preferences, preferences


@dataclass(frozen=True)
class KeepPreferences:
    """Reads and changes a person's preferences. What two changes say about different kinds counts both."""

    postgres: Postgres

    async def of(self, user_id: UUID) -> list[Preference]:
        """Every kind of message, and whether the person wants it."""
        async with self.postgres.connection() as connection:
            return all_preferences(await store.preferences_of(connection, user_id))

    async def change(self, user_id: UUID, said: Sequence[tuple[str, bool]]) -> list[Preference]:
        """The same after what the person says about some kinds, by name. Raises InvalidPreferences: nothing changed."""
        changes = preferences(said)
        async with self.postgres.transaction("notification.keep_preferences") as connection:
            await store.keep_preferences(connection, user_id, changes)
            return all_preferences(await store.preferences_of(connection, user_id))
