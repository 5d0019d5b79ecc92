"""Pages of a list: how many, and where the last one ended.

A page token is the sort key of the last item shown (keyset paging): pages stay stable while items come and go, and the
hundredth page costs what the first does. https://google.aip.dev/158
"""

from __future__ import annotations

import base64
import binascii
import json

from services.chassis.errors import FieldViolation, InvalidArgument

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100


def page_size(requested: int) -> int:
    """How many items to show: the default for 0, never more than the maximum."""
    return min(requested, MAX_PAGE_SIZE) if requested > 0 else DEFAULT_PAGE_SIZE


def encode_page_token(*key: str) -> str:
    """The token that stands for the sort key of the last item shown."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_page_token(token: str, parts: int) -> tuple[str, ...] | None:
    """The sort key in a token, or None for the first page.

    Raises:
        InvalidArgument: the token is not one that `encode_page_token` made of so many parts.
    """
    if not token:
        return None
    try:
        key = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise bad_page_token() from None
    if not (isinstance(key, list) and len(key) == parts and all(isinstance(part, str) for part in key)):
        raise bad_page_token()
    return tuple(key)


def bad_page_token() -> InvalidArgument:
    """What to raise for a token whose parts are not what they should be."""
    return InvalidArgument([FieldViolation("pageToken", "must be the nextPageToken of an earlier answer")])
