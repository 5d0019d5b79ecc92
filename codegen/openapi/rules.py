"""Converts protovalidate's rules to JSON Schema. For rules without an equivalent, the description has the message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
Schema = dict[str, Any]

_MATCHES = re.compile(r"this\.matches\('(?P<pattern>[^']*)'\)")
_IS = re.compile(r"this == '(?P<text>[^']*)'")
_NO_ADDRESS = "!this.isEmail()"
"""Matches what `format` already refuses, so that one mistake is one violation."""
_AT_MOST = re.compile(r"this\.size\(\) <= (?P<most>\d+)")
_FORMATS = {"email": "email", "uuid": "uuid", "uri": "uri", "hostname": "hostname"}
# A decimal as text, for clients without exact numbers.
_DECIMAL = r"^[0-9]+(\.[0-9]+)?$"


def of_string(rules: Json) -> Schema:
    """The schema of a string field, from the rules `required`, `string` and `cel`."""
    given: Json = rules.get("string", {})
    schema: Schema = {"type": "string"}
    least = max(int(given.get("minLen", 0)), 1 if rules.get("required") else 0)
    if least:
        schema["minLength"] = least
    # Bytes are never fewer than characters.
    longest = [int(given[word]) for word in ("maxLen", "maxBytes") if word in given]
    if longest:
        schema["maxLength"] = min(longest)
    if "pattern" in given:
        schema["pattern"] = given["pattern"]
    if "in" in given:
        schema["enum"] = list(given["in"])
    for word, form in _FORMATS.items():
        if given.get(word):
            schema["format"] = form
    for rule in rules.get("cel", ()):
        schema |= _of_expression(rule["expression"])
    return schema


def of_number(rules: Json, kind: str) -> Schema:
    """The bounds of a number. `kind` is protovalidate's name of the type ("int32")."""
    given: Json = rules.get(kind, {})
    schema: Schema = {}
    for word, bound, is_open in (
        ("gte", "minimum", False), ("gt", "minimum", True), ("lte", "maximum", False), ("lt", "maximum", True),
    ):  # fmt: skip
        if word in given:
            schema[bound] = float(given[word]) if kind in ("double", "float") else int(given[word])
            if is_open:
                schema[f"exclusive{bound.capitalize()}"] = True
    return schema


def of_amount(rules: Json) -> Schema:
    """A double in a request: a number, or a decimal as text."""
    number = {"type": "number", "format": "double", **of_number(rules, "double")}
    return {"anyOf": [number, {"type": "string", "pattern": _DECIMAL}]}


def of_list(rules: Json) -> Schema:
    """The bounds of the number of items."""
    given: Json = rules.get("repeated", {})
    least = max(int(given.get("minItems", 0)), 1 if rules.get("required") else 0)
    schema: Schema = {"minItems": least} if least else {}
    if "maxItems" in given:
        schema["maxItems"] = int(given["maxItems"])
    if given.get("unique"):
        schema["uniqueItems"] = True
    return schema


def messages(rules: Json) -> list[str]:
    """The messages of rules that are expressions."""
    return [rule["message"] for rule in rules.get("cel", ()) if rule.get("message")]


def must_be_there(field: Json, rules: Json) -> bool:
    """Whether a request without the field violates a rule."""
    ignored = rules.get("ignore") == "IGNORE_IF_ZERO_VALUE"
    if rules.get("required") or ignored:
        return not ignored
    if field["label"] == "LABEL_REPEATED":
        return int(rules.get("repeated", {}).get("minItems", 0)) > 0
    return False


def _of_expression(expression: str) -> Schema:
    """The part of an expression that JSON Schema can express: alternatives of literals, patterns and lengths."""
    schema: Schema = {}
    patterns: list[str] = []
    for alternative in expression.split(" || "):
        if alternative == _NO_ADDRESS:
            continue
        if is_literal := _IS.fullmatch(alternative):
            patterns.append(f"^{re.escape(is_literal['text'])}$")
            continue
        terms = _terms(alternative)
        patterns += [match["pattern"] for match in map(_MATCHES.fullmatch, terms) if match][-1:] or [""]
        for limit in filter(None, map(_AT_MOST.fullmatch, terms)):
            schema["maxLength"] = int(limit["most"])
    if all(patterns):
        schema["pattern"] = "|".join(patterns)
    return schema


def _terms(alternative: str) -> list[str]:
    """The terms of an alternative that are joined by `&&`, without parentheses around it."""
    inner = alternative[1:-1] if alternative.startswith("(") and alternative.endswith(")") else alternative
    return inner.split(" && ")
