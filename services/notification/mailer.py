"""Mails, sent by SMTP."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.chassis import circuit_breaker
from services.chassis.circuit_breaker import CircuitBreaker, CircuitOpen
from services.notification.use_cases.send_messages import MailNotAsked, MailNotSent

_SECONDS = 10.0
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}


class SmtpMailer:
    """Sends through one SMTP server.

    Args:
        url: `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`.
        leave_alone: seconds for which it is not asked any more after five mails in a row that it could not be asked
            to take. One that it refuses is an answer.
    """

    def __init__(self, url: str, leave_alone: float = circuit_breaker.OPEN_SECONDS) -> None:
        parts = urlsplit(url)
        self._connection = {
            "hostname": parts.hostname,
            "port": parts.port or _DEFAULT_PORTS[parts.scheme],
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "timeout": _SECONDS,
        }
        # What aiosmtplib raises when the server is away or silent is an OSError, too.
        self._breaker = CircuitBreaker("smtp", (OSError,), open_seconds=leave_alone)

    @property
    def is_left_alone(self) -> bool:
        """Whether the server would not be asked now."""
        return self._breaker.is_open

    async def send(self, mail: EmailMessage) -> None:
        """Send one mail.

        Raises:
            MailNotSent: its text holds no address and nothing of the mail.
            MailNotAsked: the server has been away too often lately.
        """
        try:
            with self._breaker.passing():
                await aiosmtplib.send(mail, **self._connection)  # type: ignore[arg-type]
        except CircuitOpen as error:
            raise MailNotAsked from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ValueError: what no mail can carry
            code = getattr(error, "code", None)
            raise MailNotSent(f"{type(error).__name__}{f' {code}' if code else ''}") from error
