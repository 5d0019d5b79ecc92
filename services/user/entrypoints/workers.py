"""Periodic work: requested resets, key files, and deletion of rows after their retention (README.md)."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.data.housekeeping import Chore
from services.chassis.process.periodic import Periodic
from services.user.adapters import known_clients, mail_asks, mail_requests, sessions, sign_in_failures
from services.user.adapters.signing_keys import KeyRing
from services.user.domain.limits import CLIENTS_KEPT, FAILURES_KEPT, MAIL_WINDOW
from services.user.use_cases.grant_resets import GrantResetsHandler

KEEP_SESSIONS = timedelta(days=1)
"""How long an expired session is kept, for inspection."""
KEEP_MAIL_REQUESTS = timedelta(days=9)
"""How long a request is kept, for inspection; longer than its tokens are valid."""

_GRANT_EVERY_SECONDS = 3.0
_READ_KEYS_EVERY_SECONDS = 5.0

CHORES = (
    Chore("user_sessions", sessions.prune, KEEP_SESSIONS),
    Chore("sign_in_failures", sign_in_failures.prune, FAILURES_KEPT),
    Chore("known_clients", known_clients.prune, CLIENTS_KEPT),
    Chore("mail_requests", mail_requests.prune, KEEP_MAIL_REQUESTS),
    Chore("mail_asks", mail_asks.prune, MAIL_WINDOW),
)
"""Deletion jobs for the service's own tables, in addition to the chassis' ones."""


def resets(grant_resets: GrantResetsHandler) -> Periodic:
    """Handles requested password resets."""
    return Periodic("resets", grant_resets, _GRANT_EVERY_SECONDS)


def key_files(keys: KeyRing) -> Periodic:
    """Reads the signing keys again."""
    return Periodic("token-keys", keys.refresh, _READ_KEYS_EVERY_SECONDS)
