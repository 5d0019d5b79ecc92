"""Facts of every released version are read by today's code, and nothing is written in a shape without a golden file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from argosy.event.v1 import order_events_pb2
from services.chassis.bus.events import VERSION_HEADER, Registry
from tests.golden import __main__ as writer
from tests.golden import corpus, examples
from tests.golden.corpus import Golden, left_out
from tests.golden.released import RELEASES, class_in, released

REGISTRY = Registry.of_package()
BUS, STORED = corpus.bus(), corpus.stored()
SERVICES = examples.of_services()
HINT = "raise its version (CONTRIBUTING.md, 'Add a field'), then `make golden`"


def today() -> dict[str, Any]:
    """What today's code writes: `bus/TYPE.vN` or `stored/TYPE.vN` → content."""
    found: dict[str, Any] = {}
    for its in SERVICES.values():
        found |= {name.removesuffix(".json"): content for name, content in its.files(release=None).items()}
    return deepcopy(found)


def complaints(files: Sequence[Golden], written: Mapping[str, Any]) -> list[str]:
    """What of today's facts has no golden file, or another shape than it."""
    golden_of = {f"{file.kind}/{file}": file for file in files}
    newest = {(file.kind, file.type): file for file in sorted(files, key=lambda file: file.version)}
    found = []
    for name, content in written.items():
        golden = golden_of.get(name)
        if golden is None or golden != newest[golden.kind, golden.type]:
            found.append(f"{name} is not the newest golden file: `make golden` adds one")
            continue
        expected = {**golden.content, "release": None}
        different = corpus.differences(_readable(golden, expected), _readable(golden, {**content, "release": None}))
        found += [f"{name}: {path} has changed: {HINT}" for path in different if path not in FREE_TEXT]
        if golden.kind == "bus":
            message = REGISTRY.classes[golden.type].FromString(golden.record.value)
            found += [f"{name}: {field} is not in the file: {HINT}" for field in unset(message)]
    return found


FREE_TEXT = {path for its in SERVICES.values() for path in getattr(its, "FREE_TEXT", ())}


def _readable(golden: Golden, content: Mapping[str, Any]) -> Mapping[str, Any]:
    return corpus.readable(content, REGISTRY.classes[golden.type]) if golden.kind == "bus" else content


def unset(message: Message, at: str = "") -> list[str]:
    """The paths of fields that have no value; of a list of messages, the first counts."""
    values = {field.name: value for field, value in message.ListFields()}
    found = []
    for field in message.DESCRIPTOR.fields:
        if field.name not in values:
            found.append(f"{at}{field.json_name}")
        elif field.message_type is not None:
            value = values[field.name]
            found += unset(value if isinstance(value, Message) else value[0], f"{at}{field.json_name}.")
    return found


# What was written is read.


@pytest.mark.parametrize("golden", BUS, ids=str)
def test_every_version_of_an_event_is_read(golden: Golden) -> None:
    event = REGISTRY.decode(golden.record)
    assert (event.type, event.topic) == (golden.type, REGISTRY.topics[golden.type])
    assert event.message.ListFields()
    header = dict(golden.record.headers).get(VERSION_HEADER)
    assert header == (None if golden.version == 1 else str(golden.version).encode())


# What is written has a golden file.


def test_todays_facts_have_the_shape_of_their_newest_golden_file() -> None:
    assert complaints([*BUS, *STORED], today()) == []


def test_every_released_event_has_an_example() -> None:
    """An event of a new service needs one from its first release on."""
    in_releases = {name for file in RELEASES for name in REGISTRY.classes if class_in(released(file), name) is not None}
    with_example = {name.removeprefix("bus/").partition(".")[0] for name in today() if name.startswith("bus/")}
    assert in_releases <= with_example, "add it to tests/unit/<service>/golden_facts.py, then `make golden`"


def test_every_field_of_an_example_is_set() -> None:
    for fact in (fact for its in SERVICES.values() for fact in its.facts()):
        values = {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}
        assert not [name for name, value in values.items() if value is None or value in ("", ())], fact


def test_nothing_is_left_to_write() -> None:
    assert [file.name for file, _ in writer.missing(None)] == []


@pytest.mark.parametrize("files", [BUS, STORED], ids=["bus", "stored"])
def test_a_newer_version_has_all_fields_of_the_older_ones(files: list[Golden]) -> None:
    for golden in files:
        following = [one for one in files if (one.type, one.version) == (golden.type, golden.version + 1)]
        for newer in following:
            older_fields = {**golden.content, "headers": None}
            assert left_out(_readable(golden, older_fields), _readable(newer, newer.content)) == [], newer


# The rules above notice what they are for.


def test_a_shape_or_a_version_without_a_golden_file_is_noticed() -> None:
    everything = [*BUS, *STORED]
    name = f"bus/{BUS[0]}"
    assert complaints(BUS[1:] + STORED, today()) == [f"{name} is not the newest golden file: `make golden` adds one"]

    newer = dataclasses.replace(BUS[0], version=2)
    assert complaints([*everything, newer], today()) == [
        f"{name} is not the newest golden file: `make golden` adds one"
    ]

    written = today()
    written[name]["value"] = ""  # no field is written
    fields = [field.json_name for field in REGISTRY.classes[BUS[0].type].DESCRIPTOR.fields]
    assert complaints(everything, written) == [f"{name}: value.{field} has changed: {HINT}" for field in sorted(fields)]

    written = today()
    stored = f"stored/{STORED[0]}"
    written[stored]["commit"]["events"][0]["giftNote"] = "For Ann"
    assert complaints(everything, written) == [f"{stored}: commit.events[].giftNote has changed: {HINT}"]

    line = order_events_pb2.OrderLine(product_id="bell", price="1.00")
    created = order_events_pb2.OrderCreated(order_id="1", user_id="2", total_amount="1.00", items=[line])
    assert unset(created) == ["currency", "items.quantity"]
    assert left_out({"a": [{"b": 1}], "c": 2}, {"a": [{"d": 1}], "c": 2}) == ["a[].b"]


def test_missing_files_are_written_once(tmp_path: Path) -> None:
    everything = {path.relative_to(tmp_path): content for path, content in writer.missing("9.9.9", tmp_path)}
    assert len(everything) == len(today()) + 1
    for golden in (*BUS, *STORED):
        if f"{golden.kind}/{golden}" not in today():  # an older version, which nobody writes any more
            continue
        (content,) = (one for path, one in everything.items() if path.parts[-2:] == (golden.kind, f"{golden}.json"))
        written = json.loads(json.dumps(content))
        assert {**written, "release": None} == {**golden.content, "release": None}


# Two versions at once.


def test_released_contracts_read_todays_events_and_keep_what_they_do_not_know() -> None:
    written = today()
    for file in RELEASES:
        pool = released(file)
        for golden in BUS:
            content = written.get(f"bus/{golden.type}.v{REGISTRY.versions[golden.type]}")
            old = class_in(pool, golden.type)
            if content is None or old is None or golden.content["release"] != file.stem:
                continue
            value = dataclasses.replace(golden, content=content).record.value
            read, was = old.FromString(value), old.FromString(golden.record.value)
            assert read.SerializeToString(deterministic=True) == value
            assert left_out(MessageToDict(was), MessageToDict(read)) == []
