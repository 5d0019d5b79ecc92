"""Compares the table of facts with the contract, the services' code and the manifests, in both directions.

`codegen check` compares generated files byte by byte; this module checks the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from facts.service import FactsError
from facts.system import EDGE, System, read
from services.chassis.rpc.contract import ContractError

_MANIFESTS = ("k8s", "istio", "kafka", "monitoring", "generated")
_KUSTOMIZATION = "kustomization.yaml"
_APPLIED = frozenset(
    {
        *("k8s/base", "k8s/overlays", "k8s/overlays/dev", "k8s/components"),
        *("istio", "istio/components", "kafka", "kafka/components"),
    }
)
"""Folders that operators apply or include in an overlay: no kustomization has to name them."""
_HAND_WRITTEN = ("k8s", "istio", "kafka", "monitoring", "envoy")
_HAND_WRITTEN_FILES = ("README.md", "compose.yaml", "Dockerfile", "pyproject.toml")
_SUFFIXES = (".yaml", ".json", ".md")
_RENDERED = Path("istio", "mesh", "installed.yaml")
"""Rendered from Istio's charts; contains Istio's own workloads."""
_NAMES = (
    r"app\.kubernetes\.io/name: \"?([a-z-]+)",
    r"app\.kubernetes\.io/name, operator: In, values: \[([a-z, -]+)\]",
    r"store-of: \"?([a-z-]+)",
    r"/ns/production/sa/([a-z-]+)",
    r"\b([a-z-]+)\.production\.svc",
    r"\bservices\.(?!yaml|json)([a-z]+)\b",
    r"\bservices/([a-z]+)/",
    r"\b([a-z]+)-service-group\b",
    r"\b([a-z]+)-events\b",
    r"\bjob=~?\\?\"([a-z|]+)\\?\"",
    r"\b([A-Z]+)_TARGET\b",
    r"target: \{[^}]*\bname: \(?([a-z|]+)\)?\}",
)
"""Places where hand-written files name services: one name, or several separated by `|` or commas."""
_TAIL = re.compile(r"from services\.chassis\.bus(\.tail import| import .*\btail\b)")
_OTHERS = frozenset(
    {EDGE, "web", "ratelimit", "ratelimit-redis", "log-collector", "prometheus", "chassis", "nodes", "argosy"}
)
"""Other names in such places that are not services of the contract."""


def everything(root: Path) -> list[str]:
    """All problems: within the table, and between it and the repository."""
    try:
        system = read(root)
    except (FactsError, ContractError) as error:
        return str(error).splitlines()
    return list(problems(system, root))


def problems(system: System, root: Path) -> Iterator[str]:
    """The problems between a consistent table and the repository."""
    yield from _consumers(system, root)
    yield from _left_out(root)
    yield from _strangers(system, root)


def _consumers(system: System, root: Path) -> Iterator[str]:
    """Compares `consumes` and `follows` of each service with its code."""
    topics = {event.name: event.topic for event in system.events}
    for one in system.services:
        sources = [path.read_text(encoding="utf-8") for path in (root / "services" / one.name).rglob("*.py")]
        tables = [path.read_text(encoding="utf-8") for path in (root / "services" / one.name).rglob("consumers.py")]
        handled = {name for table in tables for name in re.findall(r'"([A-Z][A-Z_]+)":', table)} & topics.keys()
        for name in sorted(handled ^ {*one.consumes}):
            where = "consumers.py handles" if name in handled else "service.yaml names"
            yield f"services/{one.name}: {where} {name}, the other does not"
        tails = "".join(source for source in sources if _TAIL.search(source))
        messages = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in re.findall(r"_pb2\.(\w+)", tails)}
        followed = {topics[name] for name in messages & topics.keys()}
        for topic in sorted(followed ^ {*one.follows}):
            where = "its code follows" if topic in followed else "service.yaml follows"
            yield f"services/{one.name}: {where} {topic}, the other does not"


def _left_out(root: Path) -> Iterator[str]:
    """Finds manifests that no kustomization contains, and kustomizations that no other contains or operator applies."""
    taken: set[Path] = set()
    for file in sorted(path for top in _MANIFESTS for path in (root / top).rglob(_KUSTOMIZATION)):
        for name in _resources(yaml.safe_load(file.read_text(encoding="utf-8"))):
            entry = (file.parent / name).resolve()
            taken.add(entry)
            if not entry.exists():
                yield f"{file.relative_to(root)}: there is no {name}"
    for file in sorted(path for top in _MANIFESTS for path in (root / top).rglob(_KUSTOMIZATION)):
        folder = file.parent
        for path in sorted({*folder.glob("*.yaml")} - {file}):
            if path.resolve() not in taken:
                yield f"{path.relative_to(root)} is in no kustomization"
        applied = {str(folder.relative_to(root)), str(folder.parent.relative_to(root))} & _APPLIED
        if not applied and folder.resolve() not in taken:
            yield f"{folder.relative_to(root)} is in no kustomization"


def _resources(kustomization: Any) -> Iterator[str]:
    for field in ("resources", "components"):
        yield from kustomization.get(field, ())
    for patch in kustomization.get("patches", ()):
        if "path" in patch:
            yield patch["path"]
    for generator in kustomization.get("configMapGenerator", ()):
        yield from (name.rpartition("=")[2] for name in generator.get("files", ()))


def _strangers(system: System, root: Path) -> Iterator[str]:
    """Finds names of unknown services in hand-written files."""
    known = {*system.names, *_OTHERS}
    files = [path for top in _HAND_WRITTEN for path in (root / top).rglob("*") if path.suffix in _SUFFIXES]
    for file in sorted([*files, *(root / name for name in _HAND_WRITTEN_FILES)]):
        if file == root / _RENDERED:
            continue
        text = file.read_text(encoding="utf-8")
        matches = (match for pattern in _NAMES for match in re.findall(pattern, text))
        found = {name.lower() for match in matches for name in re.split(r"[|, ]+", match) if name}
        for name in sorted(found - known):
            yield f"{file.relative_to(root)} names {name}, which is no service"
