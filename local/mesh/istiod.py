"""Starts istiod with the mesh's configuration: `python -m local.mesh.istiod DIRECTORY COMMAND…`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from local.files import make_private_directory, write_private
from local.paths import ROOT

_INSTALLATION = ROOT / "istio" / "mesh" / "istio.yaml"
_ADAPTED = {
    "rootNamespace": "istio-system",
    # Metrics by Istio's own filters need Istio's own build of Envoy.
    "defaultProviders": {},
    "enablePrometheusMerge": False,
}


def mesh_config() -> dict[str, Any]:
    """The shipped configuration of the mesh, less what plain Envoy cannot do."""
    shipped: dict[str, Any] = yaml.safe_load(_INSTALLATION.read_text())["spec"]["meshConfig"]
    return shipped | _ADAPTED


def main() -> None:
    """Entry point; becomes istiod."""
    directory, command = make_private_directory(Path(sys.argv[1])), sys.argv[2:]
    write_private(directory / "mesh.yaml", json.dumps(mesh_config()))
    os.chdir(directory)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
