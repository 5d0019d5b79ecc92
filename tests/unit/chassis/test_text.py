"""What is visible of a text, and what a mail client makes a link of."""

from __future__ import annotations

import pytest

from services.chassis.plain.text import hides_characters, is_blank, looks_like_link

BLANK = [
    "",
    " ",
    "\t\n",
    "\u3164",
    "\u2800",
    "\u115f",
    "\u1160",
    "\uffa0",
    "\u200b",
    "\u00ad",
    "\u0301",
    "\u3000\u3164",
]


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_what_nobody_sees_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["A", "李", "X Æ A-12", "7", "\u3164A", "नी", "-"])
def test_what_somebody_sees_is_not(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize("text", ["A\u3164", "A\u2800B", "\u202eadA", "A\u2066", "A\u00ad", "A\U000e0041"], ids=ascii)
def test_characters_that_hide_are_found(text: str) -> None:
    assert hides_characters(text)


@pytest.mark.parametrize("text", ["Ada", "Jean-Luc", "می\u200cخواهم", "O'Brien", "Åsa Ö."])
def test_other_scripts_hide_nothing(text: str) -> None:
    assert not hides_characters(text)


@pytest.mark.parametrize(
    "text",
    [
        "pay 2 USD at https://evil.example/x", "ftp://x", "evil.com", "EVIL.COM/pay", "www.evil", "go to evil.co.uk",
        "evil．com", "evil。com", "evil｡com", "bücher.de", "xn--bcher-kva.de", "127.0.0.1", "t.me/x", "ada@evil.com",
        "ΕΥΙΛ.ελ",
    ],
)  # fmt: skip
def test_what_a_mail_client_makes_a_link_of_looks_like_one(text: str) -> None:
    assert looks_like_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ada",
        "J.R. Tolkien",
        "J. R. R.",
        "Dr. Smith",
        "Martin Luther King, Jr.",
        "O'Brien-Smith",
        "d'Arc",
        "José",
        "1.5",
    ],
)
def test_a_name_does_not(text: str) -> None:
    assert not looks_like_link(text)
