"""Decoding batches record by record: what is damaged costs itself, and nothing ever raises."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition, codec
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.bus.raw_batches import Record, Undecodable, decode
from tests.support.raw_records import CODECS, Raw, RawName, batch

PLACE = TopicPartition("t", 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ANY = st.builds(
    Raw,
    st.none() | st.binary(),
    st.none() | st.binary(max_size=300).map(lambda value: value * 20),  # long and dull, or it is not compressed
    st.lists(st.tuples(TEXT, st.none() | st.binary())),
    st.integers(0, 2**41),
)
THREE = [Raw(b"a", b"1"), Raw(b"b", b"2", [(RawName(b"\xff"), b"x")]), Raw(b"c", None, [("n", None)])]


def placed(data: bytes, offset: int) -> bytes:
    """The batch as it lies on the broker."""
    return offset.to_bytes(8, "big") + data[8:]


def contents(records: list[Record]) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(record.offset, record.key, record.value) for record in records]


@given(st.lists(ANY, min_size=1, max_size=8), st.sampled_from(sorted(CODECS)))
def test_what_aiokafka_can_decode_is_decoded_alike(records: list[Raw], name: str) -> None:
    data = batch(records, name)
    theirs = [
        Record("t", 1, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
        for one in MemoryRecords(data).next_batch()
    ]
    assert decode(PLACE, data, 0) == (theirs, len(records))


def test_a_header_name_that_is_no_text_costs_nothing() -> None:
    records, next_offset = decode(PLACE, placed(batch(THREE), 10), 10)
    assert contents(records) == [(10, b"a", b"1"), (11, b"b", b"2"), (12, b"c", None)]
    assert (records[1].headers, records[2].headers) == ((("\\xff", b"x"),), (("n", None),))
    assert next_offset == 13


def test_goes_on_within_a_batch_and_through_several() -> None:
    data = placed(batch(THREE), 10) + placed(batch(THREE), 13)
    records, next_offset = decode(PLACE, data, 12)
    assert contents(records) == [(12, b"c", None), (13, b"a", b"1"), (14, b"b", b"2"), (15, b"c", None)]
    assert next_offset == 16


def test_a_batch_whose_checksum_is_wrong_is_lost_alone() -> None:
    bad = bytearray(placed(batch(THREE), 13))
    bad[-3] ^= 1
    data = placed(batch(THREE), 10) + bytes(bad) + placed(batch(THREE), 16)
    records, next_offset = decode(PLACE, data, 10)
    assert [record.offset for record in records] == [10, 11, 12, 15, 16, 17, 18]
    assert [str(one.error) for one in records if isinstance(one, Undecodable)] == [
        "offsets 13 to 15: Damaged: its checksum is wrong"
    ]
    assert next_offset == 19


def test_a_codec_that_is_not_there_costs_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [Raw(b"k", b"dull " * 100)] * 3
    data = placed(batch(long, "zstd"), 0) + placed(batch(long, "gzip"), 3)
    monkeypatch.setattr(codec, "cramjam", None)
    records, next_offset = decode(PLACE, data, 0)
    assert isinstance(records[0], Undecodable)
    assert "Zstd codec is not available" in str(records[0].error)
    assert [record.offset for record in records] == [2, 3, 4, 5]
    assert next_offset == 6


def test_half_an_answer_leads_nowhere() -> None:
    assert decode(PLACE, batch(THREE)[:-1], 0) == ([], 0)


def test_a_record_whose_offset_is_not_in_its_batch_is_undecodable() -> None:
    """It would be delivered, and the fetch would stay at the same offset or go back."""
    bad = bytearray(batch(THREE))
    last_offset_delta = slice(23, 27)
    bad[last_offset_delta] = (-1).to_bytes(4, "big", signed=True)
    bad[17:21] = calc_crc32c(bytes(bad[21:])).to_bytes(4, "big")
    (found,), next_offset = decode(PLACE, bytes(bad), 0)
    assert isinstance(found, Undecodable)
    assert next_offset == 1


@given(st.lists(ANY, min_size=1, max_size=4), st.sampled_from(sorted(CODECS)), st.data())
def test_no_bytes_make_it_raise_or_loop(records: list[Raw], name: str, data: st.DataObject) -> None:
    good = batch(records, name)
    bad = bytearray(good)
    for at in data.draw(st.lists(st.integers(12, len(good) - 1), max_size=8)):
        bad[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # with a checksum that fits, so that the damage gets as far as the records
        bad[17:21] = calc_crc32c(bytes(bad[21:])).to_bytes(4, "big")
    found, next_offset = decode(PLACE, bytes(bad), 0)
    assert next_offset > 0 or not found
    assert [record.offset for record in found if record.offset < 0] == []


@given(st.binary(max_size=500))
def test_neither_do_bytes_that_were_no_batch(garbage: bytes) -> None:
    decode(PLACE, garbage, 0)
