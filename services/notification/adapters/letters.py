"""Renders messages as mails: text and HTML with the same content, from templates."""

from __future__ import annotations

import email.policy
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.utils import formataddr
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notification.domain.messages import DueMessage, OrderSummary

TEMPLATES = Path(__file__).parent / "templates"


class _ParsedOnce(HeaderRegistry):
    """Parses each header once: that is most of the cost of a mail, and most headers are the same in each."""

    def __init__(self) -> None:
        super().__init__()
        self._parsed = lru_cache(maxsize=64)(super().__call__)
        self._class = lru_cache(maxsize=64)(super().__getitem__)

    def __call__(self, name: str, value: object) -> BaseHeader:
        return self._parsed(name, value)

    def __getitem__(self, name: str) -> type[BaseHeader]:
        return self._class(name)


_POLICY = email.policy.default.clone(header_factory=_ParsedOnce())


class Letters:
    """Renders mails.

    Args:
        sender: the From address.
        web_app_url: base URL of the pages that links lead to. Tokens follow the `#`: browsers do not send that part,
            so it is in no server's log and in no referrer.
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
            auto_reload=False,
        )

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        """Render the mail. Its Message-ID is the message's id, so that a duplicate is recognizable."""
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._sender
        mail["Auto-Submitted"] = "auto-generated"
        mail["To"] = formataddr((" ".join(message.name.split()), message.email))
        mail["Subject"] = message.subject
        mail["Message-ID"] = f"<{message.id}@{self._sender.rpartition('@')[2].rstrip('>')}>"
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
        # Its own boundary: otherwise one is made, and looked for in the content.
        mail.make_alternative(boundary=f"=_{message.id.hex}")
        mail.add_alternative(self._templates.get_template(f"{message.type}.html").render(values), subtype="html")
        return mail


def _order(order: OrderSummary | None) -> SimpleNamespace | None:
    """An order in the form that the templates list."""
    if order is None:
        return None
    items = [
        {"productId": line.product_id, "quantity": line.quantity, "price": line.price.text} for line in order.lines
    ]
    return SimpleNamespace(items=items, total_amount=order.total.text, currency=order.total.currency)
