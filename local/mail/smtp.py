"""The SMTP side: accepts mail for any recipient."""

from datetime import UTC, datetime

from aiosmtpd.smtp import SMTP, Envelope, Session

from local.mail.store import MailStore

_MOST_BYTES = 10 * 1024 * 1024


class KeepEverything:
    """Stores each mail before accepting it."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Store a complete mail and return the SMTP reply."""
        content = envelope.original_content or b""
        self._store.add(datetime.now(UTC).isoformat(), envelope.rcpt_tos, content)
        return "250 Message accepted for delivery"


def protocol(store: MailStore) -> SMTP:
    """The protocol of one connection."""
    return SMTP(
        KeepEverything(store),
        data_size_limit=_MOST_BYTES,
        enable_SMTPUTF8=True,
        ident="argosy mail sink",
        hostname="localhost",  # otherwise it resolves its own name at each connection
    )
