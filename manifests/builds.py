"""The builds to check: every kustomization that can be applied, and every component on the overlay it extends."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.paths import ROOT
from manifests.paths import BUILDS, KUSTOMIZE

Manifest = dict[str, Any]

_APPLIED = ("istio", "kafka", "k8s/base", "k8s/overlays/dev", "k8s/overlays/dev/kafka", "k8s/overlays/production")
# Folder of components → the kustomization that they are tested on.
_COMPONENTS = {
    "istio/components": "k8s/overlays/production",
    "k8s/components": "k8s/overlays/production",
    "kafka/components": "kafka",
}
WHOLE = ("k8s/overlays/dev", "k8s/overlays/production")
"""The builds that are a complete system."""


class BuildFailed(Exception):
    """kustomize rejects a kustomization; the text is its output."""


def names() -> Iterator[tuple[str, str | None]]:
    """Each build: a kustomization, and the component on top of it, if any."""
    for name in _APPLIED:
        yield name, None
    for folder, base in _COMPONENTS.items():
        for path in sorted({*(ROOT / folder).iterdir()} - _taken(ROOT / base)):
            yield base, str(path.relative_to(ROOT))


def _taken(base: Path) -> set[Path]:
    """The components that a kustomization already includes: they are tested with it."""
    kustomization = yaml.safe_load((base / "kustomization.yaml").read_text())
    return {(base / component).resolve() for component in kustomization.get("components", ())}


def directories() -> Mapping[str, Path]:
    """Build name → the directory for `-k`. A component gets a temporary kustomization."""
    return {
        component or base: ROOT / base if component is None else _over(base, component) for base, component in names()
    }


def all_builds() -> Mapping[str, str]:
    """Build name → its YAML. Raises BuildFailed."""
    return {name: _build(name, directory) for name, directory in directories().items()}


def manifests(text: str) -> list[Manifest]:
    """The objects of a build."""
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def _build(name: str, directory: Path) -> str:
    done = subprocess.run([str(KUSTOMIZE), "build", str(directory)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{name}: {done.stderr.strip()}")
    return done.stdout


def _over(base: str, component: str) -> Path:
    """A temporary kustomization of the base with the component."""
    directory = BUILDS / component.replace("/", "-")
    directory.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / base, directory)],
        "components": [os.path.relpath(ROOT / component, directory)],
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return directory
