"""Messages as mails: text and HTML of the same words, from templates."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notification.domain.messages import DueMessage, OrderSummary

TEMPLATES = Path(__file__).parent / "templates"


class Letters:
    """Writes mails.

    Args:
        sender: the From address.
        web_app_url: where the pages are that a mail's links lead to. A token stands behind the `#`: browsers keep that
            to themselves, so that it is in no server's log and in no referrer.
    """

    def __init__(self, sender: str, web_app_url: str) -> None:
        self._sender = sender
        self._web_app_url = web_app_url.rstrip("/")
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            undefined=StrictUndefined,
            autoescape=select_autoescape(["html"], default=False),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        """The mail. Its Message-ID is the message's id, so that one sent twice can be known for the same."""
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = formataddr((" ".join(message.name.split()), message.email))
        mail["Subject"] = message.subject
        mail["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        values: dict[str, Any] = {
            "subject": message.subject,
            "name": message.name,
            "order_id": message.order_id,
            "order": _order(message.order),
            "web_app_url": self._web_app_url,
            "token": token,
            **message.data,
        }
        mail.set_content(self._templates.get_template(f"{message.type}.txt").render(values))
        mail.add_alternative(self._templates.get_template(f"{message.type}.html").render(values), subtype="html")
        return mail


def _order(order: OrderSummary | None) -> SimpleNamespace | None:
    """An order as the templates list it."""
    if order is None:
        return None
    items = [
        {"productId": line.product_id, "quantity": line.quantity, "price": line.price.text} for line in order.lines
    ]
    return SimpleNamespace(items=items, total_amount=order.total.text, currency=order.total.currency)
