"""Starts istiod with the mesh's configuration: `python -m mesh.istiod DIRECTORY COMMAND…`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from local.files import make_private_directory, write_private
from manifests.installation import installed

_ADAPTED = {
    # Metrics of Istio's own filters need Istio's own build of Envoy.
    "defaultProviders": {},
    "enablePrometheusMerge": False,
}


def mesh_config() -> dict[str, Any]:
    """The configuration of an installed istiod, without what plain Envoy does not support."""
    return {**installed().mesh, **_ADAPTED}


def main() -> None:
    """Entry point. Replaces this process by istiod."""
    directory, command = make_private_directory(Path(sys.argv[1])), sys.argv[2:]
    write_private(directory / "mesh.yaml", json.dumps(mesh_config()))
    os.chdir(directory)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
