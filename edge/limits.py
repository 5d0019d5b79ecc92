"""Converts rate limits to token buckets."""

from __future__ import annotations

import math
from typing import Any

Limit = dict[str, Any]
Piece = list[dict[str, Any]]

MINUTE = 60
HOUR = 3600
_MOST = 2**32 - 1


def buckets(limits: list[Limit], allowance: str, seconds: int, multiplier: float) -> Piece:
    """One bucket per caller and group. Signed-in callers are identified by user id, others by address.

    allowance: the key of the limit for `seconds`. A descriptor without a value matches every value.
    """
    return [
        {
            "entries": [{"key": "group", "value": limit["group"]}, *who],
            "token_bucket": _bucket(_tokens(limit[allowance], multiplier), seconds),
        }
        for limit in limits
        for who in (
            [{"key": "subject"}],
            [{"key": "signed_in", "value": "no"}, {"key": "masked_remote_address"}],
        )
    ]


def retry_after(limits: list[Limit], allowance: str, seconds: int, multiplier: float) -> Piece:
    """The Retry-After header: the time until the slowest empty bucket has a token, in whole seconds."""
    longest = max(math.ceil(seconds / _tokens(limit[allowance], multiplier)) for limit in limits)
    return [
        {
            "header": {"key": "retry-after", "value": str(longest)},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    ]


def _tokens(calls: int, multiplier: float) -> int:
    return min(max(1, round(calls * multiplier)), _MOST)


def _bucket(tokens: int, seconds: int) -> dict[str, Any]:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": f"{seconds}s"}
