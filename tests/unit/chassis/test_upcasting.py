"""An older version of a fact is read as the newest, step by step."""

from __future__ import annotations

import pytest

from services.chassis.plain.upcasting import Upcasters, upcast

STEPS: Upcasters[str] = {("A", 1): lambda text: f"{text}2", ("A", 3): lambda text: f"{text}4", ("B", 1): lambda _: "no"}


@pytest.mark.parametrize(
    ("version", "newest", "read"),
    [(1, 1, "a"), (1, 2, "a2"), (1, 3, "a2"), (1, 4, "a24"), (2, 4, "a4"), (4, 4, "a"), (5, 4, "a")],
)
def test_each_step_from_the_documents_version_to_the_newest_is_taken(version: int, newest: int, read: str) -> None:
    assert upcast(STEPS, "A", version, newest, "a") == read
