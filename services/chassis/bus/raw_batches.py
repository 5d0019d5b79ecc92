"""Decodes a fetch response record by record, when aiokafka's decoder fails.

aiokafka fails a whole fetch for one header name that is not UTF-8, one damaged record, or a missing codec. This decoder
loses as little as possible: nothing for a header name, one record for a damaged record, and a whole batch only if it
cannot be decompressed or its checksum is wrong.

Format: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition, codec
from aiokafka.record.util import calc_crc32c, decode_varint

from services.chassis.bus.events import Headers

_BATCH = struct.Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH = 12
"""Bytes before a batch's length counts: base offset and length."""
_CHECKED_FROM = 21
"""The first byte that the checksum covers."""
_CODEC, _LOG_APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_DECOMPRESS: Mapping[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class Damaged(Exception):
    """The bytes are not a valid record batch."""


@dataclass(frozen=True, slots=True)
class Record:
    """A consumed record. It has the same attributes as aiokafka's."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Undecodable(Record):
    """Replaces a record or a batch that cannot be decoded. It has no key, value or headers."""

    error: Damaged
    """The reason and the offsets that it replaces. `offset` is the last of them."""


def decode(place: TopicPartition, data: bytes, offset: int) -> tuple[list[Record], int]:
    """Decode the records from `offset` on in a fetch response. Returns them and the next offset to fetch.

    Never raises: Undecodable replaces what cannot be decoded. Returns `([], offset)` if there is no complete batch.
    """
    found: list[Record] = []
    at = 0
    while at + _BATCH.size <= len(data):
        (length,) = struct.unpack_from(">i", data, at + 8)
        end = at + _BEFORE_LENGTH + length
        if length < _BATCH.size - _BEFORE_LENGTH or end > len(data):
            break
        records, next_offset = _batch(place, data[at:end], offset)
        found += records
        offset = max(offset, next_offset)
        at = end
    return found, offset


def _batch(place: TopicPartition, data: bytes, offset: int) -> tuple[list[Record], int]:
    base, _, _, magic, checksum, attributes, last_delta, first_time, last_time, _, _, _, count = _BATCH.unpack_from(
        data
    )
    next_offset = base + last_delta + 1
    if attributes & _CONTROL:
        return [], next_offset
    try:
        if magic != 2:
            raise Damaged(f"its format is {magic}, not 2")
        if calc_crc32c(data[_CHECKED_FROM:]) != checksum:
            raise Damaged("its checksum is wrong")
        if last_delta + 1 < count:
            raise Damaged(f"it has {count} records and {last_delta + 1} offsets")
        content = bytearray(_DECOMPRESS[attributes & _CODEC](data[_BATCH.size :]))
    except Exception as error:  # decompressors raise various exceptions
        # The last offset of a damaged batch may be wrong: use it only if it agrees with the number of records.
        last = max(offset, next_offset - 1 if last_delta + 1 == count else 0)
        return [_undecodable(place, last, last_time, error, first=max(base, offset))], last + 1
    time_of_all = last_time if attributes & _LOG_APPEND_TIME else None
    records = list(_records(place, content, range(base, next_offset), count, first_time, time_of_all))
    return [record for record in records if record.offset >= offset], next_offset


def _records(
    place: TopicPartition, content: bytearray, offsets: range, count: int, first_time: int, time_of_all: int | None
) -> Iterator[Record]:
    """Each record begins with its length, so a damaged record does not hide the next one.

    offsets: those of the batch.
    """
    at, base = 0, offsets.start
    for number in range(count):
        try:
            length, begin = decode_varint(content, at)
            if length < 0 or begin + length > len(content):
                raise Damaged("a record is longer than its batch")
        except (Damaged, ValueError, IndexError) as error:
            yield _undecodable(place, base + count - 1, first_time, error, first=base + number)
            return
        at = begin + length
        try:
            yield _record(place, content[begin:at], offsets, first_time, time_of_all)
        except (ValueError, IndexError) as error:
            yield _undecodable(place, base + number, first_time, error)


def _record(
    place: TopicPartition, content: bytearray, offsets: range, first_time: int, time_of_all: int | None
) -> Record:
    time_delta, at = decode_varint(content, 1)  # after the attributes byte, which is unused
    offset_delta, at = decode_varint(content, at)
    if not 0 <= offset_delta < len(offsets):
        raise ValueError("its offset is not in its batch")
    key, at = _bytes(content, at)
    value, at = _bytes(content, at)
    headers = []
    count, at = decode_varint(content, at)
    for _ in range(count):
        name, at = _bytes(content, at)
        of_name, at = _bytes(content, at)
        headers.append(((name or b"").decode(errors="backslashreplace"), of_name))
    if at != len(content):
        raise ValueError("a record is longer than what it holds")
    timestamp = first_time + time_delta if time_of_all is None else time_of_all
    return Record(place.topic, place.partition, offsets[offset_delta], timestamp, key, value, tuple(headers))


def _bytes(content: bytearray, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(content, at)
    if length < 0:
        return None, at
    if at + length > len(content):
        raise ValueError("a field is longer than its record")
    return bytes(content[at : at + length]), at + length


def _undecodable(
    place: TopicPartition, offset: int, timestamp: int, error: Exception, *, first: int | None = None
) -> Undecodable:
    which = f"offset {offset}" if first in (None, offset) else f"offsets {first} to {offset}"
    damaged = Damaged(f"{which}: {type(error).__name__}: {error}")
    return Undecodable(place.topic, place.partition, offset, timestamp, None, None, (), damaged)
