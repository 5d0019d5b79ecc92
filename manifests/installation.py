"""What an installed Istio provides: names, labels, accounts, ports and settings from its charts.

    python -m manifests.installation    # renders the pinned Istio's charts into istio/mesh/installed.yaml

`istioctl manifest generate -f istio/mesh/istio.yaml` prints what `istioctl install -f` would apply. The file keeps the
part that our manifests (fit.py) and the mesh on one machine (mesh/) rely on, so that neither repeats it by hand.
`make check` renders it again and fails on a difference.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local.paths import ROOT
from manifests.builds import Manifest
from manifests.paths import ISTIOCTL

INSTALLATION = ROOT / "istio" / "mesh" / "istio.yaml"
INSTALLED = ROOT / "istio" / "mesh" / "installed.yaml"
_TITLE = """\
# What `istioctl install -f istio/mesh/istio.yaml` makes, as far as anything here relies on it. Rendered from Istio's
# own charts by `python -m manifests.installation`; `make check` renders it anew and compares.
"""
_WORKLOADS = ("Deployment", "DaemonSet")
_APPLIED = ("ServiceAccount", "Role", "RoleBinding", "Service")
"""Kinds of objects that are kept completely, so that they can be applied."""


class RenderFailed(Exception):
    """istioctl rejects the installation; the text is its output."""


@dataclass(frozen=True)
class Workload:
    """Pods of an installation."""

    name: str
    namespace: str
    account: str
    labels: Mapping[str, str]
    ports: Sequence[int]

    def has(self, labels: Mapping[str, str]) -> bool:
        """Whether a selector with these labels matches its pods."""
        return labels.items() <= self.labels.items()


@dataclass(frozen=True)
class Installation:
    """The kept facts of an installed Istio."""

    mesh: Mapping[str, Any]
    """The mesh configuration that istiod reads."""
    sidecars: Mapping[str, Any]
    """Settings of sidecar injection: `statusPort`, `clusterDomain`, `clusterId`, `tokenAudience`, `cni`."""
    workloads: Sequence[Workload]
    objects: Sequence[Manifest]
    """The gateways' accounts, roles and Services, and istiod's Service, ready to apply."""

    @property
    def trust_domain(self) -> str:
        """The trust domain, the first part of every workload's identity."""
        return str(self.mesh["trustDomain"])

    @property
    def namespace(self) -> str:
        """The namespace of Istio itself."""
        return str(self.mesh["rootNamespace"])

    @property
    def istiod(self) -> str:
        """The host name of istiod for sidecars."""
        return str(self.mesh["defaultConfig"]["discoveryAddress"]).partition(":")[0]

    def chosen(self, labels: Mapping[str, str], namespace: str | None = None) -> list[Workload]:
        """The workloads that a selector matches, in a namespace or in all."""
        return [one for one in self.workloads if one.has(labels) and namespace in (None, one.namespace)]

    def services_of(self, workload: Workload) -> list[Manifest]:
        """The Services that select a workload."""
        return [
            one
            for one in self.objects
            if one["kind"] == "Service"
            and one["metadata"]["namespace"] == workload.namespace
            and workload.has(one["spec"]["selector"])
        ]


@cache
def installed(file: Path = INSTALLED) -> Installation:
    """The installation from the committed file."""
    return of_facts(yaml.safe_load(file.read_text()))


def of_facts(facts: Mapping[str, Any]) -> Installation:
    """The installation from a dictionary that `facts` returned."""
    workloads = [Workload(**one) for one in facts["workloads"]]
    return Installation(facts["mesh"], facts["sidecars"], workloads, facts["objects"])


def drift(istioctl: Path = ISTIOCTL, file: Path = INSTALLED) -> Iterator[str]:
    """Differences between the file and the charts. Raises RenderFailed."""
    yield from differences("", yaml.safe_load(file.read_text()), facts(rendered(istioctl)))


def differences(path: str, kept: Any, fresh: Any) -> Iterator[str]:
    """The path and both values of each difference."""
    if isinstance(kept, dict) and isinstance(fresh, dict):
        for key in sorted({*kept, *fresh}):
            yield from differences(f"{path}.{key}", kept.get(key), fresh.get(key))
    elif isinstance(kept, list) and isinstance(fresh, list) and len(kept) == len(fresh):
        for index, (one, other) in enumerate(zip(kept, fresh, strict=True)):
            yield from differences(f"{path}[{index}]", one, other)
    elif kept != fresh:
        yield f"{path.removeprefix('.')}: the file has {kept!r}, the charts {fresh!r}"


def rendered(istioctl: Path = ISTIOCTL) -> list[Manifest]:
    """All manifests that the pinned Istio's charts render. Raises RenderFailed."""
    command = [str(istioctl), "manifest", "generate", "-f", str(INSTALLATION)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderFailed(done.stderr.strip())
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def facts(manifests: Iterable[Manifest]) -> dict[str, Any]:
    """The facts to keep of rendered manifests."""
    everything = list(manifests)
    named = {(one["kind"], one["metadata"]["name"]): one for one in everything}
    injected = json.loads(named["ConfigMap", "istio-sidecar-injector"]["data"]["values"])
    istiod = _container(named["Deployment", "istiod"])
    return {
        "mesh": yaml.safe_load(named["ConfigMap", "istio"]["data"]["mesh"]),
        "sidecars": {
            "statusPort": injected["global"]["proxy"]["statusPort"],
            "clusterDomain": injected["global"]["proxy"]["clusterDomain"],
            "clusterId": next(one["value"] for one in istiod["env"] if one["name"] == "CLUSTER_ID"),
            "tokenAudience": injected["global"]["sds"]["token"]["aud"],
            "cni": injected["pilot"]["cni"]["enabled"],
        },
        "workloads": [_workload(one) for one in everything if one["kind"] in _WORKLOADS],
        "objects": [_applied(one) for one in everything if one["kind"] in _APPLIED and _is_relied_on(one)],
    }


def _workload(manifest: Manifest) -> dict[str, Any]:
    pod = manifest["spec"]["template"]
    return {
        "name": manifest["metadata"]["name"],
        "namespace": manifest["metadata"]["namespace"],
        "account": pod["spec"]["serviceAccountName"],
        "labels": pod["metadata"]["labels"],
        "ports": [port["containerPort"] for port in _container(manifest).get("ports", ())],
    }


def _container(manifest: Manifest) -> Any:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def _is_relied_on(manifest: Manifest) -> bool:
    component = manifest["metadata"]["labels"].get("operator.istio.io/component")
    return bool(component == "IngressGateways") or (component == "Pilot" and manifest["kind"] == "Service")


def _applied(manifest: Manifest) -> Manifest:
    """The object without its labels: nothing selects it by them."""
    metadata = {name: manifest["metadata"][name] for name in ("name", "namespace")}
    return {**manifest, "metadata": metadata}


def main() -> int:
    """Entry point. Writes the file."""
    text = yaml.safe_dump(facts(rendered()), sort_keys=False, width=120)
    INSTALLED.write_text(_TITLE + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
