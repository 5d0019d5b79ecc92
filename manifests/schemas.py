"""Validates every manifest against its schema, unknown fields included: kinds of Kubernetes and of operators."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from manifests.builds import Manifest
from manifests.paths import ISTIO_CRDS, crd_files

KUBERNETES = "1.36"
# No obtainable package contains CloudNativePG's definitions.
WITHOUT_SCHEMA = frozenset({("postgresql.cnpg.io/v1", "Cluster")})

Kind = tuple[str, str]


def problems(manifest: Manifest) -> Iterator[str]:
    """Schema violations of a manifest."""
    kind = manifest["apiVersion"], manifest["kind"]
    if kind in WITHOUT_SCHEMA:
        return
    validator = _validators().get(kind)
    if validator is None:
        yield from _of_kubernetes(manifest)
    else:
        for error in validator.iter_errors(manifest):
            yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def _of_kubernetes(manifest: Manifest) -> Iterator[str]:
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message[:300]}"
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.VersionNotSupportedError) as error:
        yield f"there is no such kind: {error}"


@cache
def _validators() -> dict[Kind, jsonschema.Draft4Validator]:
    found = {}
    for path in (*crd_files(), ISTIO_CRDS):
        for definition in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            if not definition:
                continue
            spec = definition["spec"]
            for version in spec["versions"]:
                if version["served"]:
                    schema = _strict(version["schema"]["openAPIV3Schema"], top=True)
                    kind = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                    found[kind] = jsonschema.Draft4Validator(schema)
    return found


def _strict(schema: Any, *, top: bool = False) -> Any:
    """The schema as the API server applies it: unknown fields are errors, int-or-string accepts both."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: _strict(value) if key not in ("enum", "default", "required") else value for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: _strict(part) for name, part in schema["properties"].items()}
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
        if schema.get("type") == "object" and not open_ended:
            made["additionalProperties"] = False
        if top:
            made["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if schema.get("nullable"):
        made = {"anyOf": [made, {"type": "null"}]}
    # Go's regular expressions and formats differ from Python's: only the API server checks them.
    made.pop("pattern", None) if isinstance(made.get("pattern"), str) else None
    made.pop("format", None) if isinstance(made.get("format"), str) else None
    return made
