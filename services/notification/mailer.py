"""Mails, sent by SMTP."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.notification.use_cases.send_messages import MailNotSent

_SECONDS = 10.0
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}


class SmtpMailer:
    """Sends through one SMTP server.

    Args:
        url: `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = {
            "hostname": parts.hostname,
            "port": parts.port or _DEFAULT_PORTS[parts.scheme],
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "timeout": _SECONDS,
        }

    async def send(self, mail: EmailMessage) -> None:
        """Send one mail. Raises MailNotSent, whose text holds no address and nothing of the mail."""
        try:
            await aiosmtplib.send(mail, **self._connection)  # type: ignore[arg-type]
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ValueError: what no mail can carry
            code = getattr(error, "code", None)
            raise MailNotSent(f"{type(error).__name__}{f' {code}' if code else ''}") from error
