"""Dead letters: their content, and how many there may be."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from services.chassis.bus.dead_letters import Allowance, Failure, Reason, TooManyDeadLetters, letter, smaller_letters

HEADERS = (("ce_type", b"X"), ("dlq_reason", b"from an earlier life"))
RECORD = SimpleNamespace(topic="t", partition=3, offset=17, key=b"k", value=b"v", headers=HEADERS)


def test_a_letter_is_the_message_and_its_story() -> None:
    failure = Failure(Reason.FAILED, ValueError("no such thing\nDETAIL: a row"), 5, "some-group")
    sent = letter(RECORD, failure)
    headers = dict(sent.headers)
    assert (sent.topic, sent.key, sent.value) == ("t.dlq", b"k", b"v")
    assert headers.pop("dlq_time")
    assert headers == {
        "ce_type": b"X",
        "dlq_reason": b"failed",
        "dlq_error": b"ValueError: no such thing",
        "dlq_attempts": b"5",
        "dlq_group": b"some-group",
        "dlq_topic": b"t",
        "dlq_partition": b"3",
        "dlq_offset": b"17",
    }
    assert len(sent.headers) == len(dict(sent.headers))


def test_a_smaller_letter_lists_what_it_lacks_and_where_the_original_is() -> None:
    failure = Failure(Reason.FAILED, ValueError("no"), 5, "some-group")
    without_value, bare = smaller_letters(RECORD, failure)
    headers = dict(without_value.headers)
    assert (without_value.topic, without_value.key, without_value.value) == ("t.dlq", b"k", b"")
    assert (headers["dlq_left_out"], headers["ce_type"]) == (b"value", b"X")
    assert (bare.topic, bare.key, bare.value) == ("t.dlq", None, b"")
    headers = dict(bare.headers)
    assert headers["dlq_left_out"] == b"key, value, headers"
    assert (headers["dlq_topic"], headers["dlq_partition"], headers["dlq_offset"]) == (b"t", b"3", b"17")
    assert "ce_type" not in headers


def test_a_letter_that_is_whole_lacks_nothing() -> None:
    again = SimpleNamespace(**{**vars(RECORD), "headers": (("dlq_left_out", b"value"), ("strange", None))})
    headers = dict(letter(again, Failure(Reason.FAILED, ValueError(), 1, "g")).headers)
    assert "dlq_left_out" not in headers
    assert headers["strange"] is None


def test_the_tenth_in_a_row_is_refused() -> None:
    allowance = Allowance()
    for _ in range(9):
        allowance.take()
    with pytest.raises(TooManyDeadLetters, match="10 messages in a row"):
        allowance.take()


def test_a_handled_one_ends_the_row() -> None:
    allowance = Allowance(most_in_window=1_000)
    for _ in range(50):
        for _ in range(9):
            allowance.take()
        allowance.handled()


def test_more_than_one_in_a_hundred_is_refused() -> None:
    allowance = Allowance()
    for _ in range(10):
        allowance.take()
        for _ in range(50):
            allowance.handled()
    with pytest.raises(TooManyDeadLetters, match="11 of the last 1000"):
        allowance.take()


def test_one_dead_letter_in_a_hundred_events_is_always_allowed() -> None:
    allowance = Allowance()
    for _ in range(100):
        allowance.take()
        for _ in range(99):
            allowance.handled()


def test_a_refused_one_does_not_count() -> None:
    allowance = Allowance()
    for _ in range(9):
        allowance.take()
    for _ in range(3):
        with pytest.raises(TooManyDeadLetters):
            allowance.take()
    allowance.handled()
    allowance.take()
