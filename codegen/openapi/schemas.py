"""Messages as JSON Schema: what may be sent, with its rules, and what is answered, with what is always there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from codegen.openapi import rules
from codegen.openapi.image import Image
from services.chassis.contract import ContractError

Json = Mapping[str, Any]
Schema = dict[str, Any]

_RULES = "[buf.validate.field]"

# Types that JSON writes in a way of their own.
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.FieldMask": {"type": "string"},
}
_INTEGERS = {"TYPE_INT32": "int32", "TYPE_UINT32": "uint32", "TYPE_SINT32": "sint32"}
_LONG_INTEGERS = {"TYPE_INT64": "int64", "TYPE_UINT64": "uint64", "TYPE_SINT64": "sint64"}


class Schemas:
    """The schemas of all messages that were asked for, and of those within them."""

    def __init__(self, image: Image, answered: Collection[str]) -> None:
        """answered: the messages that rpcs answer with; one that is sent as well gets a second schema for that."""
        self._image = image
        self._answered = self._reached(answered)
        self._owners: dict[str, str] = {}
        self.components: dict[str, Schema] = {}

    def answer(self, message: str) -> Schema:
        """What is answered as a message."""
        return self._of_message(message, sent=False)

    def body(self, message: str, without: Collection[str]) -> Schema:
        """What is sent as a message; `without` are the fields that travel in the path."""
        return self._of_message(message, sent=True, without=without)

    def parameter(self, message: str, field: Json) -> Schema:
        """What is sent as one field, in a path or a query."""
        return self._sent(field, _rules(field))

    def describe(self, message: str, field: Json) -> str:
        """What the comment says about a field, and what its rules tell whoever breaks them."""
        told = [self._image.comment(f"{message}.{field['name']}"), *rules.messages(_rules(field))]
        return "; ".join(part.rstrip(".") for part in told if part) + "." if any(told) else ""

    def _of_message(self, message: str, *, sent: bool, without: Collection[str] = ()) -> Schema:
        if message in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message])
        name = message.rpartition(".")[2] + ("Input" if sent and message in self._answered else "")
        if self._owners.setdefault(name, message) != message:
            raise ContractError(f"{message}: {self._owners[name]} has the same name; OpenAPI has one for each schema")
        if name not in self.components:
            self.components[name] = {}  # for messages within themselves
            self.components[name] = self._component(message, sent, without)
        return {"$ref": f"#/components/schemas/{name}"}

    def _component(self, message: str, sent: bool, without: Collection[str]) -> Schema:
        properties, required = {}, []
        for field in self._image.message(message).get("field", []):
            name = field["jsonName"]
            if name in without:
                continue
            properties[name] = self._property(message, field, sent)
            if rules.must_be_there(field, _rules(field)) if sent else _is_always_answered(field):
                required.append(name)
        schema: Schema = {"type": "object", "description": self._image.comment(message)}
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        return schema

    def _property(self, message: str, field: Json, sent: bool) -> Schema:
        schema = self._sent(field, _rules(field)) if sent else self._answered_as(field)
        description = self.describe(message, field) if sent else self._image.comment(f"{message}.{field['name']}")
        if "$ref" in schema:  # says nothing else beside it
            schema = {"allOf": [schema]}
        return {"description": description, **schema}

    def _sent(self, field: Json, said: Json) -> Schema:
        entry = self._map_value(field)
        if entry is not None:
            return {"type": "object", "additionalProperties": self._one_sent(entry, {})}
        if field["label"] != "LABEL_REPEATED":
            return self._one_sent(field, said)
        items = self._one_sent(field, said.get("repeated", {}).get("items", {}))
        return {"type": "array", "items": items, **rules.of_list(said)}

    def _one_sent(self, field: Json, said: Json) -> Schema:
        kind = field["type"]
        if kind == "TYPE_STRING":
            return rules.of_string(said)
        if kind in ("TYPE_DOUBLE", "TYPE_FLOAT"):
            return rules.of_amount(said)
        if kind in _INTEGERS:
            return {**_plain(kind), **rules.of_number(said, _INTEGERS[kind])}
        if kind in _LONG_INTEGERS:
            bounds = rules.of_number(said, _LONG_INTEGERS[kind])
            return {"anyOf": [{"type": "integer", "format": "int64", **bounds}, _plain(kind)]}
        if kind == "TYPE_MESSAGE":
            return self._of_message(field["typeName"].lstrip("."), sent=True)
        return _plain(kind)

    def _answered_as(self, field: Json) -> Schema:
        entry = self._map_value(field)
        if entry is not None:
            return {"type": "object", "additionalProperties": self._one_answered(entry)}
        one = self._one_answered(field)
        return {"type": "array", "items": one} if field["label"] == "LABEL_REPEATED" else one

    def _one_answered(self, field: Json) -> Schema:
        if field["type"] == "TYPE_MESSAGE":
            return self._of_message(field["typeName"].lstrip("."), sent=False)
        return _plain(field["type"])

    def _map_value(self, field: Json) -> Json | None:
        """The field that a map's values are; None when it is no map."""
        if field["type"] != "TYPE_MESSAGE" or field["typeName"].lstrip(".") in _WELL_KNOWN:
            return None
        entry = self._image.message(field["typeName"].lstrip("."))
        found: Json | None = entry["field"][1] if entry.get("options", {}).get("mapEntry") else None
        return found

    def _reached(self, messages: Collection[str]) -> set[str]:
        """These messages and all within them."""
        reached: set[str] = set()
        waiting = list(messages)
        while waiting:
            message = waiting.pop()
            if message in reached or message in _WELL_KNOWN:
                continue
            reached.add(message)
            fields = self._image.message(message).get("field", [])
            waiting += [field["typeName"].lstrip(".") for field in fields if field["type"] == "TYPE_MESSAGE"]
        return reached


def _plain(kind: str) -> Schema:
    """A type without rules, as the edge writes it. Raises ContractError for one that no rule here covers."""
    if kind in _INTEGERS:
        return {"type": "integer", "format": "int32"}
    if kind in _LONG_INTEGERS:
        return {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
    plain: dict[str, Schema] = {
        "TYPE_STRING": {"type": "string"},
        "TYPE_BOOL": {"type": "boolean"},
        "TYPE_DOUBLE": {"type": "number", "format": "double"},
        "TYPE_FLOAT": {"type": "number", "format": "float"},
        "TYPE_BYTES": {"type": "string", "format": "byte"},
    }
    if kind not in plain:
        raise ContractError(f"{kind}: nobody has said how OpenAPI has it")
    return plain[kind]


def _is_always_answered(field: Json) -> bool:
    """Whether it is there even when nobody set it: the edge writes zeros and empty lists."""
    if field["label"] == "LABEL_REPEATED":
        return True
    return field["type"] != "TYPE_MESSAGE" and "oneofIndex" not in field


def _rules(field: Json) -> Json:
    found: Json = field.get("options", {}).get(_RULES, {})
    return found
