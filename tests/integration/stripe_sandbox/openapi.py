"""Stripe's own word on requests and answers: its OpenAPI, which stripe-mock carries, and stripe-mock itself."""

import asyncio
import json
import re
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from local.paths import BIN, ROOT
from tests.integration.stripe_sandbox.sandbox_process import API_KEY

_MODULE = "github.com/stripe/stripe-mock"
_SPECIFICATION = Path("embedded", "openapi", "spec3.json")
_URI = "urn:stripe"
_PATIENCE_SECONDS = 60
_NOT_CHECKED = ("nullable", "description", "title")


class OpenApi:
    """Holds answers against the specification's schemas, closed: a field that Stripe does not have is an error."""

    def __init__(self) -> None:
        directory = subprocess.run(
            ["go", "list", "-m", "-f", "{{.Dir}}", _MODULE],
            cwd=ROOT / "local" / "tools",
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        specification = json.loads((Path(directory) / _SPECIFICATION).read_text())
        self.version: str = specification["info"]["version"]
        self._paths = specification["paths"]
        self._schemas = _as_json_schema({"components": {"schemas": specification["components"]["schemas"]}})

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """Raises AssertionError when the answer is not one that Stripe could give."""
        responses = self._paths[self._template(path)][method.lower()]["responses"]
        schema = responses.get(str(status), responses["default"])["content"]["application/json"]["schema"]
        self._check(_as_json_schema(schema), body, f"{method} {path} {status}")

    def check_object(self, body: Any) -> None:
        """Holds an object against the schema of its own name."""
        self._check({"$ref": f"{_URI}#/components/schemas/{body['object']}"}, body, body["object"])

    def _check(self, schema: Mapping[str, Any], body: Any, what: str) -> None:
        error = best_match(Draft202012Validator(schema, registry=self._registry).iter_errors(body))
        assert error is None, f"{what}: {error.json_path}: {error.message[:500]}"

    @cached_property
    def _registry(self) -> Any:
        return Registry().with_resource(_URI, DRAFT202012.create_resource(self._schemas))

    def _template(self, path: str) -> str:
        """The specification's path; literal ones before those with parameters, as routers have it."""
        fitting = [known for known in self._paths if re.fullmatch(re.sub(r"\{[^/]+\}", "[^/]+", known), path)]
        assert fitting, f"Stripe has no path {path}"
        return str(min(fitting, key=lambda known: known.count("{")))


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0's dialect in JSON Schema: `nullable`, absolute references, and objects closed to unknown fields."""
    if isinstance(schema, list):
        return [_as_json_schema(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"{_URI}{schema['$ref']}"}
    converted = {
        name: _properties(value) if name == "properties" else _as_json_schema(value)
        for name, value in schema.items()
        if name not in _NOT_CHECKED and not name.startswith("x-")
    }
    if converted.get("properties"):
        converted.setdefault("additionalProperties", False)
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") is True else converted


def _properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Names of fields are no keywords, even "description"."""
    return {name: _as_json_schema(schema) for name, schema in properties.items()}


class StripeMock:
    """Stripe's own mock: it keeps no state, but knows which requests Stripe would take."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "socket"
        self._process: asyncio.subprocess.Process | None = None
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self._socket)),
            base_url="http://stripe-mock",
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=30,
        )

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            BIN / "stripe-mock", "-http-unix", self._socket, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await self._listening():
                assert self._process.returncode is None, "stripe-mock has ended"
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
        await self._http.aclose()

    async def check_request(self, method: str, path: str, form: str | None) -> None:
        """Raises AssertionError when Stripe would not take the request."""
        response = await self.send(method, path, form)
        assert response.status_code == 200, f"{method} {path} {form}: {response.text}"

    async def send(self, method: str, path: str, form: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        return await self._http.request(method, path, content=form, headers=headers)

    async def _listening(self) -> bool:
        try:
            await self._http.get("/")
        except httpx.TransportError:
            return False
        return True
