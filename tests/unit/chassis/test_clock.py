"""Instants: aware, in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.plain import clock
from services.chassis.rpc import timestamps

ZONES = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(INSTANTS)
def test_text_names_the_instant_to_the_millisecond(instant: datetime) -> None:
    read = clock.from_text(clock.to_text(instant))
    assert read.tzinfo is UTC
    assert timedelta(0) <= instant - read < timedelta(milliseconds=1)


@given(st.datetimes(datetime(1901, 1, 1), datetime(2999, 1, 1), timezones=ZONES))  # noqa: DTZ001
def test_as_a_message_it_is_what_protobuf_makes_of_it(instant: datetime) -> None:
    of_protobuf = Timestamp()
    of_protobuf.FromDatetime(instant)
    assert timestamps.to_message(instant) == of_protobuf


def test_is_written_as_rfc_3339() -> None:
    assert clock.to_text(datetime(2026, 3, 1, 9, 30, 0, 125_999, UTC)) == "2026-03-01T09:30:00.125Z"
    assert clock.to_text(datetime(2026, 3, 1, 9, 30, tzinfo=UTC)) == "2026-03-01T09:30:00.000Z"


def test_now_is_kept_by_every_store() -> None:
    now = clock.now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


@pytest.mark.parametrize("naive", [datetime(2026, 3, 1)])  # noqa: DTZ001
def test_refuses_a_naive_datetime(naive: datetime) -> None:
    with pytest.raises(ValueError, match="time zone"):
        clock.to_text(naive)


@pytest.mark.parametrize("text", ["2026-03-01T09:30:00", "yesterday", ""])
def test_refuses_text_that_names_no_instant(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's own messages vary
        clock.from_text(text)
