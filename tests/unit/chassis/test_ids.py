"""Ids: new ones rise, derived ones repeat, and one thing has one name."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.plain import ids

NAMESPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
PARTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1)


def test_a_new_id_is_a_version_7_uuid_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.new_id()
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    # A burst may run ahead of the clock by a few milliseconds, since ids only rise.
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1000


def test_new_ids_rise_and_never_repeat() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_they_rise_while_the_clock_goes_back() -> None:
    first = ids.new_id()
    with mock.patch("time.time_ns", return_value=0):
        assert ids.new_id() > first


def test_threads_do_not_share_ids() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [one for many in pool.map(lambda _: [ids.new_id() for _ in range(2_000)], range(8)) for one in many]
    assert len(set(made)) == len(made)


@given(PARTS, PARTS)
def test_a_derived_id_is_that_of_its_parts_alone(parts: list[str], others: list[str]) -> None:
    assert (ids.derived_id(NAMESPACE, *parts) == ids.derived_id(NAMESPACE, *others)) == (parts == others)


def test_where_parts_divide_matters() -> None:
    assert ids.derived_id(NAMESPACE, "ab", "c") != ids.derived_id(NAMESPACE, "a", "bc")


def test_a_derived_id_refuses_the_separator() -> None:
    with pytest.raises(ValueError, match="NUL"):
        ids.derived_id(NAMESPACE, "a\0b")


@given(st.uuids())
def test_reads_canonical_text_in_either_case(some: uuid.UUID) -> None:
    assert ids.parse_id(str(some)) == ids.parse_id(str(some).upper()) == some


@pytest.mark.parametrize(
    "write", [lambda u: u.hex, lambda u: u.urn, lambda u: f"{{{u}}}", lambda u: f"{u} ", lambda _: ""]
)
def test_refuses_other_ways_to_write_one(write: object) -> None:
    assert callable(write)
    with pytest.raises(ValueError):  # noqa: PT011 - uuid's own messages vary
        ids.parse_id(write(uuid.uuid4()))
