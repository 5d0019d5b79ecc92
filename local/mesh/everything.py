"""Has the API server judge all that is shipped: every overlay, and every component over its overlay.

`python -m local.mesh.everything`. What `kubectl apply -k` does (build, then apply), but on trial (`--dry-run=server`):
overlays hold the same objects, and the mesh keeps those that it runs on. Unknown fields, schemas, CEL rules, admission:
all of it is the API server's judgement, and its warnings are refusals.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from local.files import write_private
from local.manifests.builds import Manifest, directories, manifests
from local.manifests.schemas import WITHOUT_SCHEMA
from local.mesh.cluster import Cluster, KubectlFailed
from local.stack import Stack

_ON_TRIAL = ("--dry-run=server", "--warnings-as-errors")


def main() -> int:
    """Entry point; returns the exit code. May fail while the API server comes up, and be run again."""
    stack = Stack.from_environment()
    try:
        accepted = judge(Cluster(stack))
    except KubectlFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    write_private(_verdict(stack), json.dumps(accepted))
    print(said(stack))
    return 0


def judge(cluster: Cluster) -> dict[str, int]:
    """How many objects of each build the API server accepts. Raises KubectlFailed on one that it refuses."""
    built = {name: manifests(cluster.kubectl("kustomize", str(where))) for name, where in directories().items()}
    # On trial nothing is made, a namespace neither; what goes into it would find none.
    cluster.apply("-f", "-", given=_as_text(_namespaces(one for objects in built.values() for one in objects)))
    return {name: _accepted(cluster, name, objects) for name, objects in built.items()}


def said(stack: Stack) -> str:
    """What `make mesh` says of it."""
    accepted: dict[str, int] = json.loads(_verdict(stack).read_text())
    return (
        f"{sum(accepted.values())} objects in {len(accepted)} overlays and components, "
        f"all accepted by the API server (CloudNativePG's apart: its definitions could not be had)"
    )


def forget(stack: Stack) -> None:
    """What was said of an earlier start."""
    _verdict(stack).unlink(missing_ok=True)


def _accepted(cluster: Cluster, name: str, objects: list[Manifest]) -> int:
    known = [one for one in objects if (one["apiVersion"], one["kind"]) not in WITHOUT_SCHEMA]
    count = len(cluster.apply("-f", "-", *_ON_TRIAL, given=_as_text(known)).splitlines())
    if count != len(known):
        raise KubectlFailed(f"{name}: {len(known)} objects, and the API server speaks of {count}")
    return count


def _namespaces(objects: Iterator[Manifest]) -> list[Manifest]:
    """Those that are shipped, and bare ones where objects go besides."""
    found: dict[str, Manifest] = {}
    for one in objects:
        if one["kind"] == "Namespace":
            found[one["metadata"]["name"]] = one
        elif name := one["metadata"].get("namespace"):
            found.setdefault(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return list(found.values())


def _as_text(objects: list[Manifest]) -> str:
    return str(yaml.dump_all(objects, Dumper=yaml.CSafeDumper))


def _verdict(stack: Stack) -> Path:
    return stack.run / "accepted.json"


if __name__ == "__main__":
    sys.exit(main())
