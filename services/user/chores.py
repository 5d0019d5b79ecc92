"""What of the service's tables is deleted after its time."""

from __future__ import annotations

from services.chassis.housekeeping import Chore
from services.user import failures, mail_limits, mail_requests, store

CHORES = (
    Chore("user_sessions", store.prune_sessions, store.KEEP_SESSIONS),
    Chore("sign_in_failures", failures.prune, failures.KEEP),
    Chore("mail_requests", mail_requests.prune, mail_requests.KEEP),
    Chore("mail_asks", mail_limits.prune, mail_limits.WINDOW),
)
