"""Compares our manifests with what an installed Istio provides: a renamed object fails here, not in a cluster.

Istio's side is rendered from its charts (installation.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from manifests.builds import Manifest
from manifests.installation import Installation, Workload

_NAMESPACE = "kubernetes.io/metadata.name"
_BUILT_IN_PROVIDERS = frozenset({"envoy", "prometheus"})
"""Telemetry providers that istiod defines without configuration."""
_SIDECAR_PORTS = range(15000, 15100)
"""Ports that Istio reserves for its sidecars."""

Manifests = Sequence[Manifest]


def problems(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Problems of a complete system with the Istio that it is installed with."""
    for rule in _RULES:
        yield from rule(manifests, installation)


def _gateways(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """A Gateway selects pods that listen on its ports and can read its certificate."""
    for gateway in _of_kind(manifests, "Gateway"):
        name, selector = gateway["metadata"]["name"], gateway["spec"]["selector"]
        pods = installation.chosen(selector)
        if len(pods) != 1:
            yield f"Gateway/{name}: {selector} selects {len(pods)} workloads of the installation, not one"
            continue
        ports = {port["port"] for service in installation.services_of(pods[0]) for port in service["spec"]["ports"]}
        for server in gateway["spec"]["servers"]:
            if server["port"]["number"] not in ports:
                yield f"Gateway/{name}: {pods[0].name} has no port {server['port']['number']}, only {sorted(ports)}"
            secret = server.get("tls", {}).get("credentialName")
            if secret and (secret, pods[0].namespace) not in set(_secrets(manifests)):
                yield f"Gateway/{name}: nothing creates the secret {secret} in {pods[0].namespace}, where its pods are"


def _ways_in(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Destinations of a Gateway allow the gateway's service account and pods."""
    gateways = {one["metadata"]["name"]: one for one in _of_kind(manifests, "Gateway")}
    for route in _of_kind(manifests, "VirtualService"):
        selectors = [
            gateways[name]["spec"]["selector"] for name in route["spec"].get("gateways", ()) if name in gateways
        ]
        for gateway in (pod for selector in selectors for pod in installation.chosen(selector)):
            for host in sorted({to["destination"]["host"] for http in route["spec"]["http"] for to in http["route"]}):
                yield from _lets_in(manifests, installation, host.partition(".")[0], gateway)


def _lets_in(manifests: Manifests, installation: Installation, name: str, gateway: Workload) -> Iterator[str]:
    service = next(one for one in _of_kind(manifests, "Service") if one["metadata"]["name"] == name)
    labels = service["spec"]["selector"]
    principal = f"{installation.trust_domain}/ns/{gateway.namespace}/sa/{gateway.account}"
    allowed = {
        found
        for policy in _of_kind(manifests, "AuthorizationPolicy")
        if _chooses(policy["spec"].get("selector", {}), labels) and policy["spec"].get("action", "ALLOW") == "ALLOW"
        for found in _principals(policy)
    }
    if principal not in allowed:
        yield f"{name}: the gateway calls as {principal}, and only {sorted(allowed)} may"
    peers = [
        peer
        for policy in _of_kind(manifests, "NetworkPolicy")
        if _chooses(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("ingress", ())
        for peer in rule.get("from", ())
    ]
    if not any(_of_namespace(peer, gateway.namespace) and gateway.has(_wanted(peer)) for peer in peers):
        yield f"{name}: no NetworkPolicy lets {gateway.name} of {gateway.namespace} reach it"


def _accounts(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Every caller in a policy is the service account of existing pods, in this mesh's trust domain."""
    ours = {(one["metadata"].get("namespace"), pod.get("serviceAccountName")) for one, pod in _pods(manifests)}
    known = ours | {(one.namespace, one.account) for one in installation.workloads}
    for policy in _of_kind(manifests, "AuthorizationPolicy"):
        for principal in _principals(policy):
            domain, _, rest = principal.partition("/ns/")
            namespace, _, account = rest.partition("/sa/")
            if domain != installation.trust_domain:
                yield f"AuthorizationPolicy/{policy['metadata']['name']}: the trust domain is not {domain}"
            if (namespace, account) not in known:
                yield f"AuthorizationPolicy/{policy['metadata']['name']}: no pod runs as {account} in {namespace}"


def _network(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Pods and ports of Istio that NetworkPolicies name exist."""
    for policy in _of_kind(manifests, "NetworkPolicy"):
        name = f"NetworkPolicy/{policy['metadata']['name']}"
        for way, end in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(way, ()):
                ports = [port["port"] for port in rule.get("ports", ()) if isinstance(port["port"], int)]
                for peer in rule.get(end, ()):
                    if _of_namespace(peer, installation.namespace):
                        yield from _meant(name, peer, ports if way == "egress" else [], installation)
                if way == "ingress":
                    strange = {*ports} & {*_SIDECAR_PORTS} - {installation.sidecars["statusPort"]}
                    yield from (f"{name}: {port} is not a readable port of a sidecar" for port in sorted(strange))


def _meant(name: str, peer: Manifest, ports: Sequence[int], installation: Installation) -> Iterator[str]:
    pods = installation.chosen(_wanted(peer), installation.namespace)
    if not pods:
        yield f"{name}: no pod of {installation.namespace} has {dict(_wanted(peer))}"
    yield from (f"{name}: {pod.name} has no port {port}" for pod in pods for port in ports if port not in pod.ports)


def _telemetry(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Telemetry providers are configured and reachable."""
    providers = {one["name"]: one for one in installation.mesh.get("extensionProviders", ())}
    used = {
        provider["name"]
        for one in _of_kind(manifests, "Telemetry")
        for about in ("tracing", "accessLogging", "metrics")
        for part in one["spec"].get(about, ())
        for provider in part.get("providers", ())
    }
    yield from (f"Telemetry: {name} is not configured" for name in sorted(used - {*providers} - _BUILT_IN_PROVIDERS))
    for name in sorted(used & {*providers}):
        collector = providers[name]["opentelemetry"]
        namespace = collector["service"].split(".")[1]
        if not any(
            _of_namespace(peer, namespace) and collector["port"] in [port["port"] for port in rule["ports"]]
            for policy in _of_kind(manifests, "NetworkPolicy")
            if not policy["spec"]["podSelector"]
            for rule in policy["spec"].get("egress", ())
            for peer in rule.get("to", ())
        ):
            yield f"Telemetry: no NetworkPolicy allows all pods to reach {name}, {collector['service']}"


def _injection(manifests: Manifests, installation: Installation) -> Iterator[str]:
    """Restricted pods get sidecars without privileges: the CNI plugin sets up the redirection."""
    for namespace in _of_kind(manifests, "Namespace"):
        labels = namespace["metadata"].get("labels", {})
        injected = labels.get("istio-injection") == "enabled"
        restricted = labels.get("pod-security.kubernetes.io/enforce") == "restricted"
        if injected and restricted and not installation.sidecars["cni"]:
            yield f"Namespace/{namespace['metadata']['name']}: without Istio's CNI plugin no pod starts here"


def _of_kind(manifests: Manifests, kind: str) -> Iterator[Any]:
    return (one for one in manifests if one["kind"] == kind)


def _secrets(manifests: Manifests) -> Iterator[tuple[str, str]]:
    """Name and namespace of every secret that our manifests create."""
    for one in _of_kind(manifests, "ExternalSecret"):
        yield one["spec"].get("target", {}).get("name", one["metadata"]["name"]), one["metadata"]["namespace"]


def _pods(manifests: Manifests) -> Iterator[tuple[Manifest, Manifest]]:
    for one in manifests:
        pod = one.get("spec", {}).get("template", {}).get("spec")
        if pod is not None and "containers" in pod:
            yield one, pod


def _principals(policy: Manifest) -> Iterator[str]:
    for rule in policy["spec"].get("rules", ()):
        for source in rule.get("from", ()):
            yield from source["source"].get("principals", ())


def _chooses(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches pods with these labels."""
    return bool(selector.get("matchLabels", {}).items() <= labels.items()) and "matchExpressions" not in selector


def _of_namespace(peer: Manifest, name: str) -> bool:
    return bool(peer.get("namespaceSelector", {}).get("matchLabels", {}).get(_NAMESPACE) == name)


def _wanted(peer: Manifest) -> Mapping[str, str]:
    labels: Mapping[str, str] = peer.get("podSelector", {}).get("matchLabels", {})
    return labels


_RULES: tuple[Callable[[Manifests, Installation], Iterator[str]], ...] = (
    _gateways,
    _ways_in,
    _accounts,
    _network,
    _telemetry,
    _injection,
)
