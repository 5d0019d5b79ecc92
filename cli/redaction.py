"""Redacts messages for people: fields that the contract marks `debug_redact` are left out, at any depth."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

HIDDEN = "[redacted]"


def shown(message: Message, *, reveal: bool = False) -> dict[str, Any]:
    """The message in protobuf's JSON mapping, camelCase. A redacted field that is set shows a placeholder."""
    values = MessageToDict(message)
    if not reveal:
        _hide(message, values)
    return values


def _hide(message: Message, values: dict[str, Any]) -> None:
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            values[field.json_name] = HIDDEN
        elif field.type == FieldDescriptor.TYPE_MESSAGE and field.json_name in values:
            _hide_within(value, values[field.json_name])


def _hide_within(value: Any, shown_value: Any) -> None:
    if isinstance(shown_value, list):
        for item, shown_item in zip(value, shown_value, strict=True):
            _hide_item(item, shown_item)
    elif isinstance(value, Message):
        _hide_item(value, shown_value)
    else:
        for key, item in value.items():
            _hide_item(item, shown_value.get(str(key)))


def _hide_item(item: Any, shown_item: Any) -> None:
    # Well-known types (a Timestamp is a string) have no fields that the contract could mark.
    if isinstance(item, Message) and isinstance(shown_item, dict):
        _hide(item, shown_item)
