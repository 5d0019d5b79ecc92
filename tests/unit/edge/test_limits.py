"""Allowances become buckets, one a caller and group."""

from typing import Any

import pytest

from edge.limits import HOUR, MINUTE, buckets, retry_after

LIMITS: list[dict[str, Any]] = [
    {"group": "a", "per_minute": 100, "per_hour": 1000},
    {"group": "b", "per_minute": 50, "per_hour": 7200},
]


def entries(bucket: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(entry["key"], entry.get("value")) for entry in bucket["entries"]]


def test_a_caller_is_a_subject_or_else_an_address() -> None:
    made = buckets(LIMITS[:1], "per_minute", MINUTE, 1)
    assert [entries(bucket) for bucket in made] == [
        [("group", "a"), ("subject", None)],
        [("group", "a"), ("signed_in", "no"), ("masked_remote_address", None)],
    ]


def test_a_bucket_holds_and_refills_its_allowance() -> None:
    hour = buckets(LIMITS, "per_hour", HOUR, 1)
    assert [bucket["token_bucket"] for bucket in hour[::2]] == [
        {"max_tokens": 1000, "tokens_per_fill": 1000, "fill_interval": "3600s"},
        {"max_tokens": 7200, "tokens_per_fill": 7200, "fill_interval": "3600s"},
    ]


@pytest.mark.parametrize(
    ("multiplier", "tokens"), [(1, 100), (0.5, 50), (0.001, 1), (1000, 100_000), (1e12, 2**32 - 1)]
)
def test_the_multiplier_changes_all_limits(multiplier: float, tokens: int) -> None:
    bucket = buckets(LIMITS[:1], "per_minute", MINUTE, multiplier)[0]["token_bucket"]
    assert bucket["max_tokens"] == bucket["tokens_per_fill"] == tokens


@pytest.mark.parametrize(
    ("allowance", "seconds", "multiplier", "expected"),
    [
        ("per_minute", MINUTE, 1, "2"),
        ("per_hour", HOUR, 1, "4"),
        ("per_minute", MINUTE, 0.1, "12"),
        ("per_hour", HOUR, 100, "1"),
    ],
)
def test_retry_after_is_when_the_slowest_bucket_has_a_call_again(
    allowance: str, seconds: int, multiplier: float, expected: str
) -> None:
    (option,) = retry_after(LIMITS, allowance, seconds, multiplier)
    assert option["header"] == {"key": "retry-after", "value": expected}
