"""Builds the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from codegen.openapi.image import Image
from codegen.openapi.operations import Operations, path_of
from codegen.openapi.schemas import Schemas
from services.chassis.rpc.contract import ContractError, Service, public_rpcs

BASE = Path(__file__).with_name("base.yaml")

Json = Mapping[str, Any]


def write_openapi(image: Json, services: tuple[Service, ...], into: Path) -> None:
    """Write `openapi.json`. The same contract gives the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    text = json.dumps(openapi(image, services), indent=2, ensure_ascii=False)
    (into / "openapi.json").write_text(f"{text}\n", encoding="utf-8")


def openapi(image: Json, services: tuple[Service, ...]) -> dict[str, Any]:
    """The document. `image` needs source information: comments become descriptions.

    Raises ContractError for a part of the contract that OpenAPI cannot express.
    """
    found = Image(image)
    base: dict[str, Any] = yaml.safe_load(BASE.read_text(encoding="utf-8"))
    requests, answers = base.pop("x-requests"), base.pop("x-answers")
    methods = {
        f"/{name}/{method['name']}": method for name, service in found.services.items() for method in service["method"]
    }
    public = list(public_rpcs(services))
    _refuse_left_over(requests, {rpc.name for _, rpc in public})
    schemas = Schemas(found, {methods[rpc.path]["outputType"].lstrip(".") for _, rpc in public})
    operations = Operations(found, schemas, requests)
    paths: dict[str, Any] = {}
    for service, rpc in public:
        paths.setdefault(path_of(rpc.route), {})[rpc.verb.lower()] = operations.of(service, rpc, methods[rpc.path])
    _refuse_left_over(answers, schemas.components)
    for name, answer in answers.items():
        schemas.components[name]["example"] = answer
    base["tags"] = [*_tags(found, services), *base["tags"]]
    base["paths"] = {**dict(sorted(paths.items())), **base["paths"]}
    base["components"]["schemas"] |= dict(sorted(schemas.components.items()))
    return base


def _refuse_left_over(examples: Mapping[str, Any], names: Collection[str]) -> None:
    for name in examples:
        if name not in names:
            raise ContractError(f"{BASE.name}: there is an example of {name}, which the contract does not have")


def _tags(image: Image, services: tuple[Service, ...]) -> list[dict[str, str]]:
    comments_by_owner: dict[str, list[str]] = {}
    for service in services:
        if not service.is_internal:
            comments_by_owner.setdefault(service.owner, []).append(image.comment(service.full_name))
    return [{"name": owner, "description": " ".join(comments)} for owner, comments in sorted(comments_by_owner.items())]
