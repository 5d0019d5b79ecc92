"""Converts an rpc to an OpenAPI operation: parameters, body, responses, access, rate limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from codegen.openapi import rules
from codegen.openapi.image import Image
from codegen.openapi.schemas import Schemas
from services.chassis.rpc.contract import Rpc, Service

Json = Mapping[str, Any]
Operation = dict[str, Any]

_HTTP = "[google.api.http]"
_POLICY = "[argosy.policy.v1.method]"
_RULES = "[buf.validate.field]"
_RAW = "google.api.HttpBody"
_VARIABLE = re.compile(r"\{(\w+)\}")
_SNAKE = re.compile(r"_(\w)")

_WHO = {"PUBLIC": "Anyone may call it.", "USER": "Requires sign-in.", "STAFF": "Requires the role staff."}
_SIGN_IN: dict[str, list[dict[str, list[str]]]] = {
    "PUBLIC": [],
    "USER": [{"bearer": []}],
    "STAFF": [{"bearer": []}],
}
# The error statuses of every operation, and the HTTP statuses of gRPC codes in comments.
_ALWAYS = ("400", "401", "500", "503", "504")
_IN_COMMENTS = {"PERMISSION_DENIED": "403", "NOT_FOUND": "404", "ALREADY_EXISTS": "409", "ABORTED": "409"}


class Operations:
    """Converts rpcs to operations, and adds their messages to `schemas`."""

    def __init__(self, image: Image, schemas: Schemas, examples: Mapping[str, Any]) -> None:
        """`examples`: rpc → example of its request."""
        self._image = image
        self._schemas = schemas
        self._examples = examples

    def of(self, service: Service, rpc: Rpc, method: Json) -> Operation:
        """The operation of one rpc. `method` is its descriptor."""
        operation: Operation = {
            "tags": [service.owner],
            "operationId": rpc.name[0].lower() + rpc.name[1:],
            "summary": _words(rpc.name),
            "description": self._description(service, rpc),
            "security": _SIGN_IN[rpc.access],
        }
        parameters = [*self._parameters(rpc, method), *self._headers(rpc, method)]
        if parameters:
            operation["parameters"] = parameters
        if "body" in method["options"][_HTTP]:
            operation["requestBody"] = self._body(rpc, method)
        operation["responses"] = self._responses(rpc, method)
        return operation

    def _description(self, service: Service, rpc: Rpc) -> str:
        paragraphs = [self._image.comment(f"{rpc.service}.{rpc.name}"), _WHO[rpc.access]]
        if service.rate_limit is not None and not rpc.unlimited:
            limit = service.rate_limit
            paragraphs.append(
                f"Counts for the {limit.group} group: {limit.per_minute:,} calls a minute and {limit.per_hour:,} an "
                "hour for each " + ("address, with a token or without." if rpc.counts_by_address else "caller.")
            )
        return "\n\n".join(paragraphs)

    def _parameters(self, rpc: Rpc, method: Json) -> Iterator[Operation]:
        """The path parameters; without a body, also the query parameters."""
        message = method["inputType"].lstrip(".")
        in_path = path_fields(rpc.route)
        has_body = "body" in method["options"][_HTTP]
        for field in [] if message == _RAW else self._image.message(message).get("field", []):
            if field["jsonName"] in in_path:
                yield self._parameter(message, field, "path", required=True)
            elif not has_body:
                required = rules.must_be_there(field, field.get("options", {}).get(_RULES, {}))
                yield self._parameter(message, field, "query", required=required)

    def _parameter(self, message: str, field: Json, place: str, *, required: bool) -> Operation:
        return {
            "name": field["jsonName"],
            "in": place,
            "required": required,
            "description": self._schemas.describe(message, field),
            "schema": self._schemas.parameter(message, field),
        }

    def _headers(self, rpc: Rpc, method: Json) -> Iterator[Operation]:
        if _creates(method):
            yield {"$ref": "#/components/parameters/IdempotencyKey"}
        if any(field["name"] == "token" for field in self._fields(method["outputType"])) and rpc.access == "PUBLIC":
            yield {"$ref": "#/components/parameters/ClientApp"}
        if method["inputType"].lstrip(".") == _RAW:
            yield {"$ref": "#/components/parameters/StripeSignature"}

    def _fields(self, type_name: str) -> list[Json]:
        found: list[Json] = self._image.message(type_name.lstrip(".")).get("field", [])
        return found

    def _body(self, rpc: Rpc, method: Json) -> Operation:
        message = method["inputType"].lstrip(".")
        if message == _RAW:
            return {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
        schema = self._schemas.body(message, path_fields(rpc.route))
        required = self._schemas.components[schema["$ref"].rpartition("/")[2]].get("required", [])
        content: Operation = {"schema": schema}
        if rpc.name in self._examples:
            content["example"] = self._examples[rpc.name]
        return {"required": bool(required), "content": {"application/json": content}}

    def _responses(self, rpc: Rpc, method: Json) -> Operation:
        streams = method.get("serverStreaming", False)
        answer = {"schema": self._schemas.answer(method["outputType"].lstrip("."))}
        success = {
            "description": "One JSON object per line, each with this schema." if streams else "Success.",
            "headers": {
                "X-API-Version": {"$ref": "#/components/headers/ApiVersion"},
                "X-Service-Name": {"$ref": "#/components/headers/ServiceName"},
            },
            "content": {"application/x-ndjson" if streams else "application/json": answer},
        }
        if _creates(method):
            success["description"] = "Created."
        return {
            "201" if _creates(method) else "200": success,
            **{status: {"$ref": f"#/components/responses/{status}"} for status in sorted(self._errors(rpc, method))},
        }

    def _errors(self, rpc: Rpc, method: Json) -> set[str]:
        comment = self._image.comment(f"{rpc.service}.{rpc.name}")
        found = {*_ALWAYS, *(status for code, status in _IN_COMMENTS.items() if re.search(rf"\b{code}\b", comment))}
        if path_fields(rpc.route):
            found.add("404")
        if rpc.access == "STAFF":
            found.add("403")
        if _creates(method):
            found.add("409")
        if "body" in method["options"][_HTTP]:
            found |= {"408", "413"}
        if not rpc.unlimited:
            found.add("429")
        return found


def path_fields(route: str) -> set[str]:
    """The JSON names of the fields in a path."""
    return {_camel(name) for name in _VARIABLE.findall(route)}


def path_of(route: str) -> str:
    """A route as the document's path: its variables are named as the parameters are (`{order_id}` → `{orderId}`)."""
    return _VARIABLE.sub(lambda variable: f"{{{_camel(variable[1])}}}", route)


def _creates(method: Json) -> bool:
    return bool(method["options"][_POLICY].get("creates"))


def _camel(name: str) -> str:
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def _words(name: str) -> str:
    """`CreateOrder` as "Create order"."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: f" {match[1].lower()}", name)
