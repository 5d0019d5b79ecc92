"""Writes generated YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_HEADER = "# Derived from proto/ and services/*/service.yaml by `make generate`; never edited.\n# {}\n"


def write_yaml(path: Path, title: str, *documents: Any) -> None:
    """Write documents into one file. The same content gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True) for one in documents]
    path.write_text(_HEADER.format(title) + "---\n".join(texts), encoding="utf-8")


def duration(seconds: float) -> str:
    """The duration as Envoy, Istio and Kubernetes write it."""
    return f"{seconds:g}s"


class _Dumper(yaml.SafeDumper):
    """Does not write YAML aliases, which are hard to read."""

    def ignore_aliases(self, data: object) -> bool:
        return True
