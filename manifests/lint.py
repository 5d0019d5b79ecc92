"""Rules that no schema covers: fields that Istio removed silently, images without a version, pods without limits."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from manifests.builds import Manifest

_OLD_WORDS = {
    "LEAST_CONN": "it is LEAST_REQUEST now",
    "consecutiveErrors": "it is consecutive5xxErrors now",
    "circuitBreaker": "it is connectionPool and outlierDetection now",
}
_CURRENT = {
    "networking.istio.io": "v1",
    "security.istio.io": "v1",
    "telemetry.istio.io": "v1",
    "kafka.strimzi.io": "v1",
    "external-secrets.io": "v1",
    "autoscaling": "v2",
}
# The tag of an image must be a version: at least two numbers, or a commit if the project has no versions.
_VERSIONED = re.compile(r":(v?\d+\.\d+|[0-9a-f]{8}$)")


def problems(manifest: Manifest) -> Iterator[str]:
    """Violations of our rules in a manifest."""
    for rule in _RULES:
        yield from rule(manifest)


def _no_old_words(manifest: Manifest) -> Iterator[str]:
    for word in _words(manifest):
        if word in _OLD_WORDS:
            yield f"{word}: {_OLD_WORDS[word]}"


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from _words(part)
    elif isinstance(value, list):
        for part in value:
            yield from _words(part)
    elif isinstance(value, str):
        yield value


def _current_version(manifest: Manifest) -> Iterator[str]:
    group, _, version = manifest["apiVersion"].rpartition("/")
    if version != _CURRENT.get(group, version):
        yield f"{manifest['apiVersion']}: {group}/{_CURRENT[group]} is the current version"


def _no_secret(manifest: Manifest) -> Iterator[str]:
    if manifest["kind"] == "Secret":
        yield "secrets must come from an ExternalSecret"


def _bounded_pods(manifest: Manifest) -> Iterator[str]:
    pod = manifest.get("spec", {}).get("template", {}).get("spec")
    if manifest["kind"] not in ("Deployment", "StatefulSet", "DaemonSet", "Job") or pod is None:
        return
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        yield from (f"container {container['name']}: {problem}" for problem in _container(pod, container))
    if manifest["kind"] == "Deployment":
        if pod.get("terminationGracePeriodSeconds") != 40:
            yield "terminationGracePeriodSeconds must be 40"
        if not pod.get("topologySpreadConstraints"):
            yield "it has no topology spread constraints"


def _container(pod: Manifest, container: Manifest) -> Iterator[str]:
    if not _VERSIONED.search(container.get("image", "")):
        yield f"image {container.get('image')!r} has no version"
    resources = container.get("resources", {})
    for bound in ("requests", "limits"):
        if not {"cpu", "memory"} <= resources.get(bound, {}).keys():
            yield f"no {bound} of cpu and memory"
    security = container.get("securityContext", {})
    if not security.get("readOnlyRootFilesystem"):
        yield "its root file system is writable"
    if security.get("allowPrivilegeEscalation") is not False or security.get("capabilities") != {"drop": ["ALL"]}:
        yield "it may gain privileges"
    if not {**pod.get("securityContext", {}), **security}.get("runAsNonRoot"):
        yield "it may run as root"
    if pod.get("automountServiceAccountToken") is not False:
        yield "it mounts a service account token of the API server"


def _nothing_repeated_unasked(manifest: Manifest) -> Iterator[str]:
    if manifest["kind"] == "VirtualService":
        for route in manifest["spec"].get("http", ()):
            if "retries" not in route and "redirect" not in route:
                yield f"route {route.get('name')}: without `retries`, Istio retries twice, even calls that create"


def _callers_are_named(manifest: Manifest) -> Iterator[str]:
    if manifest["kind"] == "AuthorizationPolicy" and manifest["spec"].get("action", "ALLOW") == "ALLOW":
        for rule in manifest["spec"].get("rules", ()):
            operations = [to["operation"] for to in rule.get("to", ())]
            bounded = operations and all(one.get("ports") and one.get("paths") for one in operations)
            if not rule.get("from") and not bounded:
                yield "it allows everyone everything: a rule needs callers, or a port and its paths"


_RULES: tuple[Callable[[Manifest], Iterator[str]], ...] = (
    _no_old_words,
    _current_version,
    _no_secret,
    _bounded_pods,
    _nothing_repeated_unasked,
    _callers_are_named,
)
