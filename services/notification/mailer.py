"""Messages as mails, sent by SMTP."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notification.store import DueMessage
from services.notification.use_cases.send_messages import MailNotSent

TEMPLATES = Path(__file__).parent / "templates"
_SECONDS = 10.0
_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}


class SmtpMailer:
    """Sends through one SMTP server.

    Args:
        url: `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`.
        sender: the From address.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._sender = sender
        self._connection = {
            "hostname": parts.hostname,
            "port": parts.port or _DEFAULT_PORTS[parts.scheme],
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "timeout": _SECONDS,
        }
        self._templates = Environment(  # noqa: S701 - plain text, not HTML
            loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    async def send(self, message: DueMessage) -> None:
        """Send one message. Raises MailNotSent, whose text holds no address."""
        try:
            await aiosmtplib.send(self.compose(message), **self._connection)  # type: ignore[arg-type]
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # ValueError: what no mail can carry
            code = getattr(error, "code", None)
            raise MailNotSent(f"{type(error).__name__}{f' {code}' if code else ''}") from error

    def compose(self, message: DueMessage) -> EmailMessage:
        """The mail. Its Message-ID is the message's id, so that one sent twice can be known for the same."""
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = formataddr((" ".join(message.name.split()), message.email))
        mail["Subject"] = message.subject
        mail["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        template = self._templates.get_template(f"{message.type}.txt")
        mail.set_content(
            template.render(name=message.name, order_id=message.order_id, order=message.order, **message.data)
        )
        return mail
