"""Validates all manifests with the API server: every overlay, and every component on its overlay.

`python -m mesh.everything`. It builds and applies as `kubectl apply -k` does, but as a dry run
(`--dry-run=server`), because overlays contain the same objects. The API server checks unknown fields, schemas, CEL
rules and admission; its warnings fail too.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from local.files import write_private
from local.stack import Stack
from manifests.builds import Manifest, directories, manifests
from manifests.schemas import WITHOUT_SCHEMA
from mesh.cluster import Cluster, KubectlFailed

_ON_TRIAL = ("--dry-run=server", "--warnings-as-errors")


def main() -> int:
    """Entry point; returns the exit code. It may fail while the API server starts, and can be run again."""
    stack = Stack.from_environment()
    try:
        accepted = judge(Cluster(stack))
    except KubectlFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    write_private(_verdict(stack), json.dumps(accepted))
    print(summary(stack))
    return 0


def judge(cluster: Cluster) -> dict[str, int]:
    """Build name → number of objects that the API server accepts. Raises KubectlFailed if it rejects one."""
    built = {name: manifests(cluster.kubectl("kustomize", str(where))) for name, where in directories().items()}
    # A dry run creates no namespaces, so objects in them would be rejected.
    cluster.apply("-f", "-", given=_as_text(_namespaces(one for objects in built.values() for one in objects)))
    return {name: _accepted(cluster, name, objects) for name, objects in built.items()}


def summary(stack: Stack) -> str:
    """The result as `make mesh` prints it."""
    accepted: dict[str, int] = json.loads(_verdict(stack).read_text())
    return (
        f"{sum(accepted.values())} objects in {len(accepted)} overlays and components, "
        f"all accepted by the API server (without CloudNativePG's: its CRDs could not be obtained)"
    )


def forget(stack: Stack) -> None:
    """Delete the result of an earlier start."""
    _verdict(stack).unlink(missing_ok=True)


def _accepted(cluster: Cluster, name: str, objects: list[Manifest]) -> int:
    known = [one for one in objects if (one["apiVersion"], one["kind"]) not in WITHOUT_SCHEMA]
    count = len(cluster.apply("-f", "-", *_ON_TRIAL, given=_as_text(known)).splitlines())
    if count != len(known):
        raise KubectlFailed(f"{name}: {len(known)} objects, but the API server answered for {count}")
    return count


def _namespaces(objects: Iterator[Manifest]) -> list[Manifest]:
    """The shipped namespaces, and empty ones for objects in other namespaces."""
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
