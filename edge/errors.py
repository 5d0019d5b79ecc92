"""Converts the table of the edge's own errors (envoy/errors.yaml) to Envoy's configuration."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from google.rpc import code_pb2, error_details_pb2, status_pb2

Entry = Mapping[str, Any]
Piece = dict[str, Any]

# REST requests. A transcoded one already has gRPC's content type, but also its original path.
_REST: Piece = {
    "or_filter": {
        "filters": [
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
            {
                "header_filter": {
                    "header": {
                        "name": "content-type",
                        "string_match": {"prefix": "application/grpc"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                }
            },
        ]
    }
}

_NAMED_FIELD: Piece = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    "fieldViolations": [
        {
            "field": "%DYNAMIC_METADATA(argosy.request:field)%",
            "description": "%DYNAMIC_METADATA(argosy.request:description)%",
        }
    ],
}


def mappers(table: list[Entry], headers: list[Piece]) -> list[Piece]:
    """Mappers for `local_reply_config`: JSON for REST callers; for gRPC callers the message (Envoy adds the status).

    headers: the headers of every response. Some responses are made before a filter can add them.
    """
    made = ((mapper, _retry_after(entry)) for entry in table for mapper in (_for_rest(entry), _for_grpc(entry)))
    return [{**mapper, "headers_to_add": [*headers, *more]} for mapper, more in made]


def unavailable(table: list[Entry]) -> str:
    """The answer of status 503 as gRPC's headers, for cancelled.lua."""
    (entry,) = (one for one in table if one["status"] == 503)
    code, cancelled = code_pb2.Code.Value(entry["code"]), code_pb2.Code.Value("CANCELLED")
    status = status_pb2.Status(code=code, message=entry["message"])
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=entry["reason"], domain="argosy"))
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromSeconds(entry["retry_after"])
    status.details.add().Pack(retry)
    details = base64.b64encode(status.SerializeToString()).decode().rstrip("=")  # without padding, as gRPC sends it
    values = {
        "CANCELLED": cancelled,
        "UNAVAILABLE": code,
        "MESSAGE": entry["message"],
        "DETAILS": details,
        "RETRY_AFTER": entry["retry_after"],
    }
    return "".join(f'local {name} = "{value}"\n' for name, value in values.items())


def _for_rest(entry: Entry) -> Piece:
    body = {
        "code": code_pb2.Code.Value(entry["code"]),
        "message": entry["message"],
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": entry["reason"], "domain": "argosy"},
            *([_NAMED_FIELD] if entry.get("field") else []),
        ],
    }
    return {
        "filter": _all_of([*_matches(entry), _REST]),
        **_answer(entry),
        "body_format_override": {
            "json_format": body,
            "content_type": "application/json",
        },
    }


def _for_grpc(entry: Entry) -> Piece:
    return {
        "filter": _all_of(_matches(entry)),
        **_answer(entry),
        "body_format_override": {"text_format_source": {"inline_string": entry["message"]}},
    }


def _retry_after(entry: Entry) -> list[Piece]:
    """The header Retry-After of a refusal that no filter has seen, such as that of an overloaded edge."""
    if "retry_after" not in entry:
        return []
    header = {"key": "retry-after", "value": str(entry["retry_after"])}
    return [{"header": header, "append_action": "ADD_IF_ABSENT"}]


def _answer(entry: Entry) -> Piece:
    return {"status_code": entry["answer"]} if "answer" in entry else {}


def _matches(entry: Entry) -> list[Piece]:
    status = entry["status"]
    if status in ("4xx", "5xx"):
        low = int(status[0]) * 100
        conditions = [_status("GE", low), _status("LE", low + 99)]
    else:
        conditions = [_status("EQ", status)]
    if entry.get("field"):
        conditions.append(_metadata_matches("argosy.request", ["field"], {"present_match": True}))
    if "failure" in entry:
        conditions.append(_token_failure(entry["failure"]))
    return conditions


def _status(comparison: str, value: int) -> Piece:
    # Envoy requires a runtime key; this one is never set.
    operand = {"default_value": value, "runtime_key": "-"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": operand}}}


def _token_failure(text: str) -> Piece:
    return _metadata_matches("envoy.filters.http.jwt_authn", ["failure", "message"], {"string_match": {"exact": text}})


def _metadata_matches(namespace: str, path: list[str], value: Piece) -> Piece:
    """Matches a value that a filter has set in the request's metadata."""
    return {
        "metadata_filter": {
            "matcher": {"filter": namespace, "path": [{"key": key} for key in path], "value": value},
            "match_if_key_not_found": False,
        }
    }


def _all_of(conditions: list[Piece]) -> Piece:
    return conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}}
