"""protovalidate's rules as JSON Schema's words. What has no word there stands in the rule's message, which is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
Schema = dict[str, Any]

_MATCHES = re.compile(r"this\.matches\('(?P<pattern>[^']*)'\)")
_IS = re.compile(r"this == '(?P<text>[^']*)'")
_NO_ADDRESS = "!this.isEmail()"
"""Passes what `format` refuses already, so that one mistake is one violation."""
_AT_MOST = re.compile(r"this\.size\(\) <= (?P<most>\d+)")
_FORMATS = {"email": "email", "uuid": "uuid", "uri": "uri", "hostname": "hostname"}
# A decimal as text, for clients whose numbers are not exact.
_DECIMAL = r"^[0-9]+(\.[0-9]+)?$"


def of_string(rules: Json) -> Schema:
    """`required`, `string` and `cel` of a string field."""
    said: Json = rules.get("string", {})
    schema: Schema = {"type": "string"}
    least = max(int(said.get("minLen", 0)), 1 if rules.get("required") else 0)
    if least:
        schema["minLength"] = least
    # Bytes are never fewer than characters.
    longest = [int(said[word]) for word in ("maxLen", "maxBytes") if word in said]
    if longest:
        schema["maxLength"] = min(longest)
    if "pattern" in said:
        schema["pattern"] = said["pattern"]
    if "in" in said:
        schema["enum"] = list(said["in"])
    for word, form in _FORMATS.items():
        if said.get(word):
            schema["format"] = form
    for rule in rules.get("cel", ()):
        schema |= _of_expression(rule["expression"])
    return schema


def of_number(rules: Json, kind: str) -> Schema:
    """The bounds of a number; `kind` is protovalidate's name of its type ("int32")."""
    said: Json = rules.get(kind, {})
    schema: Schema = {}
    for word, bound, is_open in (
        ("gte", "minimum", False), ("gt", "minimum", True), ("lte", "maximum", False), ("lt", "maximum", True),
    ):  # fmt: skip
        if word in said:
            schema[bound] = float(said[word]) if kind in ("double", "float") else int(said[word])
            if is_open:
                schema[f"exclusive{bound.capitalize()}"] = True
    return schema


def of_amount(rules: Json) -> Schema:
    """A double that somebody states: as a number, or as a decimal in text."""
    number = {"type": "number", "format": "double", **of_number(rules, "double")}
    return {"anyOf": [number, {"type": "string", "pattern": _DECIMAL}]}


def of_list(rules: Json) -> Schema:
    """How many items."""
    said: Json = rules.get("repeated", {})
    least = max(int(said.get("minItems", 0)), 1 if rules.get("required") else 0)
    schema: Schema = {"minItems": least} if least else {}
    if "maxItems" in said:
        schema["maxItems"] = int(said["maxItems"])
    if said.get("unique"):
        schema["uniqueItems"] = True
    return schema


def messages(rules: Json) -> list[str]:
    """What is told to whoever breaks a rule written as an expression."""
    return [rule["message"] for rule in rules.get("cel", ()) if rule.get("message")]


def must_be_there(field: Json, rules: Json) -> bool:
    """Whether a request without the field breaks a rule."""
    ignored = rules.get("ignore") == "IGNORE_IF_ZERO_VALUE"
    if rules.get("required") or ignored:
        return not ignored
    if field["label"] == "LABEL_REPEATED":
        return int(rules.get("repeated", {}).get("minItems", 0)) > 0
    return False


def _of_expression(expression: str) -> Schema:
    """What of an expression JSON Schema can say: alternatives of literals and patterns, in which lengths stand."""
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
    """What is joined by `and` in an alternative, one pair of parentheses around it or none."""
    inner = alternative[1:-1] if alternative.startswith("(") and alternative.endswith(")") else alternative
    return inner.split(" && ")
