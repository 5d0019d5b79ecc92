"""Converts messages to JSON Schema: requests with their rules, responses with their required fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from codegen.openapi import rules
from codegen.openapi.image import Image
from services.chassis.rpc.contract import ContractError

Json = Mapping[str, Any]
Schema = dict[str, Any]

_RULES = "[buf.validate.field]"

# Types with a special JSON form.
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
    """The schemas of all requested messages, and of the messages in them."""

    def __init__(self, image: Image, answered: Collection[str]) -> None:
        """`answered`: the messages in responses. One that is also in requests gets a second schema for those."""
        self._image = image
        self._answered = self._reached(answered)
        self._owners: dict[str, str] = {}
        self.components: dict[str, Schema] = {}

    def answer(self, message: str) -> Schema:
        """The schema of a message in a response."""
        return self._of_message(message, sent=False)

    def body(self, message: str, without: Collection[str]) -> Schema:
        """The schema of a message in a request. `without`: the fields in the path."""
        return self._of_message(message, sent=True, without=without)

    def parameter(self, message: str, field: Json) -> Schema:
        """The schema of a field in a path or query."""
        return self._sent(field, _rules(field))

    def describe(self, message: str, field: Json) -> str:
        """The description of a field: its comment and the messages of its rules."""
        parts = [self._image.comment(f"{message}.{field['name']}"), *rules.messages(_rules(field))]
        return "; ".join(part.rstrip(".") for part in parts if part) + "." if any(parts) else ""

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
        if "$ref" in schema:  # a $ref allows no sibling keywords
            schema = {"allOf": [schema]}
        return {"description": description, **schema}

    def _sent(self, field: Json, given: Json) -> Schema:
        entry = self._map_value(field)
        if entry is not None:
            return {"type": "object", "additionalProperties": self._one_sent(entry, {})}
        if field["label"] != "LABEL_REPEATED":
            return self._one_sent(field, given)
        items = self._one_sent(field, given.get("repeated", {}).get("items", {}))
        return {"type": "array", "items": items, **rules.of_list(given)}

    def _one_sent(self, field: Json, given: Json) -> Schema:
        kind = field["type"]
        if kind == "TYPE_STRING":
            return rules.of_string(given)
        if kind in ("TYPE_DOUBLE", "TYPE_FLOAT"):
            return rules.of_amount(given)
        if kind in _INTEGERS:
            return {**_plain(kind), **rules.of_number(given, _INTEGERS[kind])}
        if kind in _LONG_INTEGERS:
            bounds = rules.of_number(given, _LONG_INTEGERS[kind])
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
        """The value field of a map. None: the field is not a map."""
        if field["type"] != "TYPE_MESSAGE" or field["typeName"].lstrip(".") in _WELL_KNOWN:
            return None
        entry = self._image.message(field["typeName"].lstrip("."))
        found: Json | None = entry["field"][1] if entry.get("options", {}).get("mapEntry") else None
        return found

    def _reached(self, messages: Collection[str]) -> set[str]:
        """These messages and all messages in them."""
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
    """The schema of a type without rules, as the edge writes it. Raises ContractError for an unsupported type."""
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
        raise ContractError(f"{kind}: not supported in OpenAPI")
    return plain[kind]


def _is_always_answered(field: Json) -> bool:
    """Whether it is always in a response: the edge also writes zeros and empty lists."""
    if field["label"] == "LABEL_REPEATED":
        return True
    return field["type"] != "TYPE_MESSAGE" and "oneofIndex" not in field


def _rules(field: Json) -> Json:
    found: Json = field.get("options", {}).get(_RULES, {})
    return found
