"""Examples of facts, every field set, as today's code writes them: what golden files are made of and compared with.

A service's are in `tests/unit/<service>/golden_facts.py`: `facts()` and `files(release)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, cast
from uuid import UUID

from services.chassis.bus import events
from services.chassis.bus.events import OutgoingRecord, Registry
from services.chassis.data.postgres_work import Outgoing
from tests.golden.corpus import UNIT, Document, of_record


class Examples(Protocol):
    """The examples of one service."""

    @staticmethod
    def facts() -> Sequence[Any]:
        """One of each fact, as the domain has it."""

    @staticmethod
    def files(*, release: str | None) -> Mapping[str, Any]:
        """What today's code writes: path of a golden file → its content. With a release, whole orders too."""


def id_of(number: int) -> UUID:
    return UUID(f"0190a1b2-0000-7000-8000-{number:012d}")


ORDER, USER, PAYMENT, REFUND, SESSION, VERIFICATION, RESET, EVENT, CAUSE = (id_of(number) for number in range(1, 10))
WAITING, CANCELLED = id_of(21), id_of(22)
AT = datetime(2026, 3, 1, 9, 30, 0, 125_000, UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def of_services() -> Mapping[str, Examples]:
    """The examples of each service that has some."""
    names = sorted(file.parent.name for file in UNIT.glob("*/golden_facts.py"))
    found = {name: importlib.import_module(f"tests.unit.{name}.golden_facts") for name in names}
    return cast(Mapping[str, Examples], found)


def records(service: str, encode: Callable[[Any], Outgoing], facts: Iterable[Any]) -> list[OutgoingRecord]:
    """The events of facts, as the service's outbox publishes them."""
    return [
        events.encode(
            out.event,
            id=EVENT,
            source=events.source_of(service),
            time=AT,
            subject=out.subject,
            key=out.key,
            sequence=out.sequence,
            traceparent=TRACE,
        )
        for out in map(encode, facts)
    ]


def bus_files(published: Iterable[OutgoingRecord]) -> Mapping[str, Document]:
    """The golden files of events."""
    versions = Registry.of_package().versions
    named = {events.type_of(record.headers) or "": of_record(record) for record in published}
    return {f"bus/{name}.v{versions[name]}.json": content for name, content in named.items()}
