"""What people see of a text: whether anything, and whether a mail client makes a link of it."""

from __future__ import annotations

import re
import unicodedata

_VISIBLE = frozenset("LNPS")
"""The first letters of the Unicode categories of characters that are visible by themselves."""

_LOOKS_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols by their category that no font draws: fillers of Hangul and Khmer, the empty Braille pattern, the
empty note."""

_HIDDEN = _LOOKS_BLANK | frozenset(
    "\u00ad\u034f\u061c\u180e\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""These, and what only reorders or hides other characters. The joiners U+200C and U+200D are none of them: some scripts
need them."""

_DOT = "[.\u3002]"
"""A full stop, and the ideographic one, which domains may have too. Others become these by normalization."""
_LINK = re.compile(
    rf"://|\bwww{_DOT}|[\w-]{{2,}}{_DOT}[^\W\d_]{{2,}}|\d{{1,3}}({_DOT}\d{{1,3}}){{3}}|[\w-]{_DOT}[\w-]+/",
    re.IGNORECASE,
)


def is_blank(text: str) -> bool:
    """Whether nothing of it is visible. True for the empty text."""
    return not any(
        unicodedata.category(character)[0] in _VISIBLE and character not in _LOOKS_BLANK for character in text
    )


def hides_characters(text: str) -> bool:
    """Whether it has characters that nobody sees, or that reorder or hide others."""
    return any(character in _HIDDEN or "\U000e0000" <= character <= "\U000e007f" for character in text)


def looks_like_link(text: str) -> bool:
    """Whether a mail client may make a link of a part of it: an address of the web, a domain or an IP address.

    "J.R. Tolkien" is none; "St.John" is one, for john may be a top-level domain.
    """
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None
