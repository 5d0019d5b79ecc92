"""Parses the request and validates it by the contract's rules (protovalidate).

Strings with NUL are refused as well, because PostgreSQL cannot store NUL. Requests that are too large are not parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from services.chassis.plain.errors import FieldViolation, InvalidArgument, RequestTooLarge
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView

ENVELOPE_BYTES = 4096
"""What the edge's encoding of a raw body (HttpBody) and of path variables may add to the size of a request."""

_validator = protovalidate.Validator()


def check(method: MethodPolicyView, proceed: Step) -> Step:
    """Parse and validate the request. INVALID_ARGUMENT lists every invalid field."""
    request_class = method.request_class
    largest = method.max_request_bytes + ENVELOPE_BYTES
    _validator.collect_violations(request_class())  # compiles the rules, so that an invalid rule fails at start

    async def valid(exchange: Exchange) -> bytes:
        if len(exchange.body) > largest:
            raise RequestTooLarge()
        exchange.request = _parse(request_class, exchange.body)
        violations = violations_of(exchange.request, maybe_nul=b"\0" in exchange.body)
        if violations:
            raise InvalidArgument(violations)
        return await proceed(exchange)

    return valid


def violations_of(message: Message, *, maybe_nul: bool = True) -> list[FieldViolation]:
    """The invalid fields of a message, by camelCase path. `maybe_nul=False`: its bytes are known not to contain NUL."""
    if maybe_nul:
        nuls = [FieldViolation(path, "must not contain NUL characters") for path in _strings_with_nul(message)]
        if nuls:
            return nuls
    found = _validator.collect_violations(message)
    return [_to_field_violation(violation) for violation in found]


def _parse(request_class: type[Message], body: bytes) -> Message:
    try:
        return request_class.FromString(body)
    except DecodeError:
        name = request_class.DESCRIPTOR.full_name
        raise InvalidArgument([], f"the request is not a well-formed {name}") from None


def _to_field_violation(violation: protovalidate.Violation) -> FieldViolation:
    proto = violation.proto
    path = ""
    for element in proto.field.elements if proto.field else ():
        path += ("." if path else "") + json_name(element.field_name)
        if element.subscript is not None:
            path += f"[{_subscript(element.subscript.value)}]"
    return FieldViolation(path, proto.message)


def _subscript(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def json_name(field_name: str) -> str:
    """protobuf's JSON name of a field: `shipping_address` → `shippingAddress`."""
    head, *rest = field_name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _strings_with_nul(message: Message, prefix: str = "") -> Iterator[str]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.json_name}"
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            for key, item in value.items():
                yield from _in_value(entry.fields_by_name["key"], key, f'{path}["{key}"]')
                yield from _in_value(entry.fields_by_name["value"], item, f'{path}["{key}"]')
        elif field.is_repeated:
            for index, item in enumerate(value):
                yield from _in_value(field, item, f"{path}[{index}]")
        else:
            yield from _in_value(field, value, path)


def _in_value(field: FieldDescriptor, value: Any, path: str) -> Iterator[str]:
    if field.type == FieldDescriptor.TYPE_STRING:
        if "\0" in value:
            yield path.replace("\0", "\\0")
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        yield from _strings_with_nul(value, f"{path}.")
