"""The SMTP side: takes a mail for anyone."""

from datetime import UTC, datetime

from aiosmtpd.smtp import SMTP, Envelope, Session

from local.mail.store import MailStore

_MOST_BYTES = 10 * 1024 * 1024


class KeepEverything:
    """Puts each mail into the store before saying that it was taken."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Answer a whole mail."""
        content = envelope.original_content or b""
        self._store.add(datetime.now(UTC).isoformat(), envelope.rcpt_tos, content)
        return "250 Message accepted for delivery"


def protocol(store: MailStore) -> SMTP:
    """One connection's protocol."""
    return SMTP(
        KeepEverything(store),
        data_size_limit=_MOST_BYTES,
        enable_SMTPUTF8=True,
        ident="argosy mail sink",
        hostname="localhost",  # otherwise it asks the name server who it is, at each connection
    )
