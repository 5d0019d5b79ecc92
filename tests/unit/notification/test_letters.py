"""Mails read as those of a shop do: whole sentences, and the same ones as text and as HTML."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from services.chassis.plain.money import Money
from services.notification.adapters.letters import Letters
from services.notification.domain.messages import DueMessage, Kind, OrderLine, OrderSummary, why_cancelled

ORDER = OrderSummary([OrderLine("bell", 2, Money(2999, "USD"))], Money(5998, "USD"))
DATA: dict[Kind, dict[str, Any]] = {
    Kind.ORDER_CANCELLED: {"why": why_cancelled("unpaid")},
    Kind.PAYMENT_REFUNDED: {"amount": "59.98", "currency": "USD"},
    Kind.PAYMENT_REFUND_FAILED: {"amount": "59.98", "currency": "USD"},
}


def forms(kind: Kind) -> tuple[str, str]:
    """A mail as text, and the body of its HTML without the tags."""
    message = DueMessage(
        id=UUID(int=1), type=kind, subject=kind.subject, order_id=UUID(int=2), data=DATA.get(kind, {}), order=ORDER,
        mail_request_id=None, attempt=1, email="ada@example.com", name="Ada Byron",
    )  # fmt: skip
    mail = Letters("shop@example.com", "https://shop.example.com").write(message, "a-token")
    plain, html = (part.get_content() for part in mail.iter_parts())
    body = html.partition("</head>")[2]
    return plain, unescape(re.sub(r"<[^>]+>", "", body))


@pytest.mark.parametrize("kind", Kind)
def test_each_paragraph_of_the_text_is_in_the_html(kind: Kind) -> None:
    plain, html = forms(kind)
    prose = [line for line in plain.splitlines() if line and not line.startswith("  ")]
    assert len(prose) >= 2
    assert [line for line in prose if line not in html] == []


@pytest.mark.parametrize("kind", Kind)
def test_it_is_written_in_whole_sentences(kind: Kind) -> None:
    greeting, *paragraphs = (line for line in forms(kind)[0].splitlines() if line)
    assert greeting == "Hello Ada Byron,"
    sentences = [line for line in paragraphs if not line.startswith((" ", "https://", "Order number:"))]
    assert sentences
    assert [line for line in sentences if not re.fullmatch(r"[A-Z].*[.:]", line)] == []
