"""The sessions that this replica rejects (ports.Revocations)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.rpc import revocations


@dataclass(frozen=True)
class ChassisRevocations:
    """Adds to the chassis' list of ended sessions."""

    known: revocations.Revocations

    def session_ended(self, session_id: UUID) -> None:
        """See ports.Revocations.session_ended."""
        self.known.session_ended(str(session_id))

    def person_gone(self, account_id: UUID) -> None:
        """See ports.Revocations.person_gone."""
        self.known.person_gone(str(account_id))
