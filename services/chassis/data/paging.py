"""Keyset pagination: page sizes and page tokens.

A page token is the sort key of the last item on the page. Pages stay stable while items are added and removed, and each
page costs the same. https://google.aip.dev/158

SealedTokens adds a MAC, which binds a token to one list and one caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from pydantic import SecretStr

from services.chassis.plain.errors import FieldViolation, InvalidArgument

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_SEAL_BYTES = 16


def page_size(requested: int) -> int:
    """The number of items on a page: the default for 0, at most the maximum."""
    return min(requested, MAX_PAGE_SIZE) if requested > 0 else DEFAULT_PAGE_SIZE


def encode_page_token(*key: str) -> str:
    """The token for the sort key of a page's last item."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_page_token(token: str, parts: int) -> tuple[str, ...] | None:
    """The sort key in a token. None: the token is empty, so it is the first page.

    Raises:
        InvalidArgument: the token was not made by `encode_page_token` from `parts` parts.
    """
    if not token:
        return None
    try:
        key = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise bad_page_token() from None
    if not (isinstance(key, list) and len(key) == parts and all(map(_is_storable, key))):
        raise bad_page_token()
    return tuple(key)


def _is_storable(part: object) -> bool:
    """Whether it is text that a database takes as a parameter. JSON can express NUL and unpaired surrogates."""
    return isinstance(part, str) and "\0" not in part and not any("\ud800" <= letter <= "\udfff" for letter in part)


class SealedTokens:
    """Page tokens with a MAC: clients cannot forge them or use them for another list.

    Args:
        secret: the same in every replica. Changing it invalidates all tokens.
    """

    def __init__(self, secret: SecretStr) -> None:
        self._key = hmac.digest(secret.get_secret_value().encode(), b"page tokens", hashlib.sha256)

    def seal(self, key: tuple[str, ...], *, of: tuple[str, ...]) -> str:
        """The token for the sort key of a page's last item. `of`: identifies the list: the caller and all filters."""
        return encode_page_token(*key, self._seal(key, of))

    def open(self, token: str, parts: int, *, of: tuple[str, ...]) -> tuple[str, ...] | None:
        """The sort key in a token. None: the token is empty, so it is the first page.

        Raises:
            InvalidArgument: `seal` did not make it, or made it for another list.
        """
        decoded = decode_page_token(token, parts + 1)
        if decoded is None:
            return None
        key = decoded[:-1]
        if not hmac.compare_digest(token.encode(), self.seal(key, of=of).encode()):
            raise bad_page_token()
        return key

    def _seal(self, key: tuple[str, ...], of: tuple[str, ...]) -> str:
        sealed = hmac.digest(self._key, json.dumps([key, of]).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(sealed[:_SEAL_BYTES]).decode().rstrip("=")


def bad_page_token() -> InvalidArgument:
    """The error for an invalid page token."""
    rule = "must be the nextPageToken of an earlier response to the same request"
    return InvalidArgument([FieldViolation("pageToken", rule)])
