"""Golden facts: what each version of a fact looked like when it was written. Unit tests read all of them.

In `tests/unit/<service>/golden`:

    bus/TYPE.vN.json        an event as Kafka carries it: topic, key, headers, value in base64
    stored/TYPE.vN.json     a commit of order's store with one event of this type, in MongoDB's Extended JSON
    orders/RELEASE.json     whole orders: commits, the read side's document, the answer of GetOrder and the history

A file never changes: it is what a released version has written. `make golden` adds files that are missing, from
`tests/unit/<service>/golden_facts.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import json_util
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.chassis.bus.events import OutgoingRecord

UNIT = Path(__file__).parents[1] / "unit"
_NAME = re.compile(r"(?P<type>[A-Z_]+)\.v(?P<version>\d+)\.json")
_READ = json_util.JSONOptions(tz_aware=True, json_mode=json_util.JSONMode.CANONICAL)

Document = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    """One file: a version of one type of fact."""

    kind: str
    """`bus` or `stored`."""
    type: str
    version: int
    content: Mapping[str, Any]
    """As JSON; BSON types in Extended JSON."""

    def __str__(self) -> str:
        return f"{self.type}.v{self.version}"

    @property
    def record(self) -> Incoming:
        """Of the bus: the record as a consumer reads it."""
        headers = tuple((name, text.encode()) for name, text in self.content["headers"].items())
        value = base64.b64decode(self.content["value"])
        return Incoming(self.content["topic"], self.content["key"].encode(), value, headers)

    @property
    def commit(self) -> Document:
        """Of the store: the document as the driver reads it."""
        return document(self.content["commit"])


@dataclass(frozen=True)
class Incoming:
    """A record as aiokafka reads it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = 0
    offset: int = 0


def bus() -> list[Golden]:
    """Every version of every event."""
    return list(_files("bus"))


def stored() -> list[Golden]:
    """Every version of every stored event."""
    return list(_files("stored"))


def orders() -> list[tuple[str, Mapping[str, Any]]]:
    """Every order of every release, with the release."""
    found = sorted(UNIT.glob("*/golden/orders/*.json"))
    return [(file.stem, order) for file in found for order in json.loads(file.read_text(encoding="utf-8"))]


def document(extended: Any) -> Document:
    """Extended JSON → a document with BSON types."""
    read: Document = json_util.loads(json.dumps(extended), json_options=_READ)
    return read


def extended(written: Mapping[str, Any]) -> Document:
    """A document → Extended JSON in which each BSON type is explicit."""
    text: Document = json.loads(json_util.dumps(written, json_options=json_util.CANONICAL_JSON_OPTIONS))
    return text


def of_record(record: OutgoingRecord) -> Document:
    """A record → the content of its file."""
    return {
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "headers": {name: (value or b"").decode() for name, value in record.headers},
        "value": base64.b64encode(record.value or b"").decode(),
    }


def readable(content: Mapping[str, Any], message: type[Message]) -> Document:
    """The content of an event's file with its value as the JSON of the message, so that a difference has a name."""
    value = MessageToDict(message.FromString(base64.b64decode(content["value"])))
    return {**content, "value": value}


def differences(expected: Any, found: Any, at: str = "") -> list[str]:
    """The paths at which two JSON values differ."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        names = sorted(expected.keys() | found.keys())
        pairs = [(expected.get(name), found.get(name), f"{at}.{name}") for name in names]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [(one, other, f"{at}[]") for one, other in zip(expected, found, strict=True)]
    else:
        return [] if expected == found else [at.lstrip(".")]
    return sorted({path for one, other, inner in pairs for path in differences(one, other, inner)})


def left_out(older: Any, newer: Any, at: str = "") -> list[str]:
    """The paths of an older version that a newer one lacks."""
    if isinstance(older, Mapping):
        if not isinstance(newer, Mapping):
            return [at.lstrip(".")]
        pairs = [(value, newer.get(name), f"{at}.{name}") for name, value in older.items()]
    elif isinstance(older, list) and older:
        if not (isinstance(newer, list) and newer):
            return [at.lstrip(".")]
        pairs = [(older[0], newer[0], f"{at}[]")]
    else:
        return [at.lstrip(".")] if newer is None else []
    return sorted({path for one, other, inner in pairs for path in left_out(one, other, inner)})


def _files(kind: str) -> Iterator[Golden]:
    for file in sorted(UNIT.glob(f"*/golden/{kind}/*")):
        name = _NAME.fullmatch(file.name)
        if name is None:
            raise ValueError(f"{file.name} is not named TYPE.vN.json")
        yield Golden(kind, name["type"], int(name["version"]), json.loads(file.read_text(encoding="utf-8")))
