"""The idempotency key that a caller may send: read and checked here, claimed by the use case with its effect."""

from __future__ import annotations

import re

from services.chassis.errors import FieldViolation, InvalidArgument
from services.chassis.pipeline.exchange import Exchange, Step

_FORM = re.compile(r"[\x20-\x7e]{1,255}")
_BAD = FieldViolation("Idempotency-Key", "must be 1 to 255 printable ASCII characters")


def read(proceed: Step) -> Step:
    """Take the key from the metadata; a malformed one is INVALID_ARGUMENT."""

    async def keyed(exchange: Exchange) -> bytes:
        key = exchange.metadata.get("idempotency-key")
        if key is not None and not _FORM.fullmatch(key):
            raise InvalidArgument([_BAD])
        exchange.idempotency_key = key
        return await proceed(exchange)

    return keyed
