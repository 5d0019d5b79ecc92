"""Sends mails by SMTP."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from services.chassis.plain.crash_points import reach
from services.chassis.rpc import circuit_breaker
from services.chassis.rpc.circuit_breaker import CircuitBreaker, CircuitOpen
from services.notification.adapters.smtp_connections import SmtpConnections
from services.notification.ports import MailNotAsked, MailNotSent

_log = structlog.get_logger()

_SECONDS = 10.0
_BEFORE_ANY_MAIL = (
    aiosmtplib.SMTPConnectError,
    aiosmtplib.SMTPConnectTimeoutError,
    aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPAuthenticationError,
    ssl.SSLError,
)
_TAKES_NONE = (421, 432, 454, 530, 534, 535, 538)
"""Replies about the server, not the mail: it shuts down, or requires authentication. RFC 5321, RFC 4954."""
_TOO_LARGE = 552
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}


class SmtpMailer:
    """Sends through one SMTP server.

    Args:
        url: `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`.
        leave_alone: seconds for which its circuit breaker stays open after five failures in a row. A rejected mail is
            no failure of the server.
    """

    def __init__(self, url: str, leave_alone: float = circuit_breaker.OPEN_SECONDS) -> None:
        parts = urlsplit(url)
        self._connections = SmtpConnections(
            {
                "hostname": parts.hostname,
                "port": parts.port or _DEFAULT_PORTS[parts.scheme],
                "username": unquote(parts.username) if parts.username else None,
                "password": unquote(parts.password) if parts.password else None,
                "use_tls": parts.scheme == "smtps",
                "timeout": _SECONDS,
            }
        )
        # aiosmtplib raises OSError, too, if the server is unavailable or silent.
        self._breaker = CircuitBreaker("smtp", (OSError, MailNotAsked), open_seconds=leave_alone)

    @property
    def is_left_alone(self) -> bool:
        """Whether the circuit breaker is open."""
        return self._breaker.is_open

    async def send(self, mail: EmailMessage) -> None:
        """Send one mail.

        Raises:
            MailNotSent: the server rejects this mail; the text contains no address and no content.
            MailNotAsked: the server is unavailable or rejects all our mails (a rotated password, a sender that is not
                ours), or the circuit breaker is open.
        """
        try:
            with self._breaker.passing():
                await self._send(mail)
        except CircuitOpen as error:
            raise MailNotAsked from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ValueError: the mail cannot be encoded
            raise MailNotSent(_text(error)) from error

    async def _send(self, mail: EmailMessage) -> None:
        try:
            reach("smtp.before")
            async with self._connections.one() as connection:
                await connection.send_message(mail)
            reach("smtp.accepted")
        except (aiosmtplib.SMTPException, OSError) as error:
            if not _is_about_the_mail(error):
                _log.warning("mail_server_not_usable", error=_text(error))  # few: the breaker opens soon
                raise MailNotAsked(_text(error)) from error
            raise


def _is_about_the_mail(error: Exception) -> bool:
    """Whether the error concerns this mail only, so that another one might be accepted.

    A server that times out or disconnects during a mail may do so because of it. A rejected sender concerns all mails.
    """
    code = getattr(error, "code", None)
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return bool(code == _TOO_LARGE)
    if isinstance(error, aiosmtplib.SMTPNotSupported):  # the only other required extension is AUTH
        return "SMTPUTF8" in str(error)
    return not isinstance(error, _BEFORE_ANY_MAIL) and code not in _TAKES_NONE


def _text(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"
