"""Reads and validates the optional idempotency key. The use case claims it in the transaction of its effect."""

from __future__ import annotations

import re

from services.chassis.plain.errors import FieldViolation, InvalidArgument
from services.chassis.rpc.pipeline.exchange import Exchange, Step

_FORM = re.compile(r"[\x20-\x7e]{1,255}")
_BAD = FieldViolation("Idempotency-Key", "must be 1 to 255 printable ASCII characters")


def read(proceed: Step) -> Step:
    """Read the key from the metadata. An invalid one is INVALID_ARGUMENT."""

    async def keyed(exchange: Exchange) -> bytes:
        key = exchange.metadata.get("idempotency-key")
        if key is not None and not _FORM.fullmatch(key):
            raise InvalidArgument([_BAD])
        exchange.idempotency_key = key
        return await proceed(exchange)

    return keyed
