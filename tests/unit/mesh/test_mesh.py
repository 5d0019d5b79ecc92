"""What adapts the shipped manifests to one machine adapts addresses alone."""

import copy
import ipaddress
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import credentials
from local.paths import ROOT
from local.stack import Stack
from local.topology import parts as laptop_parts
from manifests.installation import installed
from mesh.cluster import Cluster
from mesh.overlay import adapted, additions
from mesh.pods import GATEWAY, GATEWAY_HTTP, GATEWAY_HTTPS, PODS
from mesh.topology import parts

SHIPPED = [
    manifest
    for path in (*(ROOT / "istio").glob("*.yaml"), *(ROOT / "generated" / "istio").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
    if "kind" in manifest and manifest["kind"] != "Kustomization"
]
# What decides who may call whom, how, and for how long: the overlay adds none of it.
POLICY = {
    "AuthorizationPolicy",
    "DestinationRule",
    "PeerAuthentication",
    "RequestAuthentication",
    "Telemetry",
    "VirtualService",
}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, 12_000)


def test_only_addresses_of_shipped_manifests_change(stack: Stack) -> None:
    changed: set[str] = set()
    for before, after in zip(SHIPPED, adapted(stack, copy.deepcopy(SHIPPED)), strict=True):
        changed |= set(_differences("", before, after))
    assert {path.rpartition(".")[2] for path in changed} == {"jwksUri", "bind"}


def test_the_overlay_decides_nothing(stack: Stack) -> None:
    kinds = {manifest["kind"] for manifest in additions(stack)}
    assert not kinds & POLICY
    assert kinds == {"WorkloadEntry", "Sidecar", "EnvoyFilter"}


def test_the_gateway_is_the_one_of_istios_charts() -> None:
    (workload,) = installed().chosen({"istio": "ingressgateway"})
    assert (GATEWAY.account, GATEWAY.namespace, GATEWAY.labels) == (
        workload.account,
        workload.namespace,
        workload.labels,
    )
    assert {GATEWAY_HTTP, GATEWAY_HTTPS} <= {*workload.ports}


def test_every_address_is_loopback_and_no_two_pods_share_one(stack: Stack) -> None:
    pods = (*PODS.values(), GATEWAY)
    addresses = [address for pod in pods for address in (pod.address(stack), pod.way_out(stack))]
    assert len(set(addresses)) == len(addresses)
    assert all(ipaddress.ip_address(address).is_loopback for address in addresses)
    assert len({pod.admin_port(stack) for pod in pods}) == len(pods)


def test_two_meshes_have_different_addresses(stack: Stack) -> None:
    other = replace(stack, offset=stack.offset + 256)
    assert not {pod.address(stack) for pod in PODS.values()} & {pod.address(other) for pod in PODS.values()}


def test_the_parts_of_a_laptop_find_others_through_their_sidecars_and_change_nothing_else(stack: Stack) -> None:
    secrets = credentials.ensure(stack.secrets)
    laptop = {part.name: part for part in laptop_parts(stack, secrets)}
    mesh = {part.name: part for part in parts(stack, secrets)}
    assert laptop.keys() < mesh.keys()
    for name, part in laptop.items():
        assert replace(mesh[name], environment=part.environment, ready=part.ready) == part
        different = {key for key, value in mesh[name].environment.items() if part.environment.get(key) != value}
        wanted = {key for key in part.environment if key.endswith("_TARGET") or key == "JWKS_URL"}
        wanted -= {"WEB_TARGET"}  # the web app's server has no sidecar of its own
        wanted |= {"EDGE_IN_MESH", "EDGE_TRUSTED_HOPS"} if name == "edge" else set()
        assert different == (wanted if name in PODS and name != "user" else set())


def test_the_kubeconfig_follows_the_ports_and_keeps_the_keys(stack: Stack) -> None:
    Cluster(stack).ensure_credentials()
    before = json.loads(Cluster(stack).kubeconfig.read_text())
    moved = replace(stack, offset=stack.offset + 7)
    Cluster(moved).ensure_credentials()
    after = json.loads(Cluster(moved).kubeconfig.read_text())
    assert after["users"] == before["users"]
    assert after["clusters"][0]["cluster"]["server"] == f"https://{moved.address('kube-apiserver')}"


def _differences(path: str, before: Any, after: Any) -> list[str]:
    """The paths of what differs, list positions left out."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = before.keys() | after.keys()
        return [d for key in keys for d in _differences(f"{path}.{key}", before.get(key), after.get(key))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [d for one, two in zip(before, after, strict=True) for d in _differences(path, one, two)]
    return [] if before == after else [path]
