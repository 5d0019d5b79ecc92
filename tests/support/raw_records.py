"""Records as no client of ours writes them: header names of any bytes, many in a batch, compressed by any codec."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_NOBODY = -1
_NO_END = 1 << 30


class RawName(str):
    """A header's name that travels as these bytes."""

    def __new__(cls, raw: bytes) -> RawName:
        """Shown with escapes, as readers show it."""
        name = super().__new__(cls, raw.decode(errors="backslashreplace"))
        name._raw = raw
        return name

    _raw: bytes

    def encode(self, *_: Any, **__: Any) -> bytes:
        """The bytes."""
        return self._raw


@dataclass(frozen=True)
class Raw:
    """What one record holds."""

    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int | None = None


def batch(records: Sequence[Raw], codec: str = "none") -> bytes:
    """One batch, as it travels."""
    builder = _DefaultRecordBatchBuilderPy(2, CODECS[codec], 0, _NOBODY, _NOBODY, _NOBODY, _NO_END)
    for number, record in enumerate(records):
        builder.append(number, record.timestamp, record.key, record.value, list(record.headers))
    return bytes(builder.build())


async def produce(bootstrap: str, topic: str, data: bytes, partition: int = 0) -> int:
    """Put one batch on a topic; the offset of its first record."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        async with asyncio.timeout(30):
            while True:
                await client._wait_on_metadata(topic)
                (leader,) = {broker.nodeId for broker in client.cluster.brokers()}
                answer = await client.send(leader, ProduceRequest(None, -1, 10_000, [(topic, [(partition, data)])]))
                ((_, ((_, code, offset, *_),)),) = answer.topics
                if not for_code(code).retriable:  # a new topic is led by nobody for a moment
                    assert code == 0, for_code(code)
                    return int(offset)
                await asyncio.sleep(0.1)
    finally:
        await client.close()
