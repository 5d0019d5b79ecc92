"""What the contract and the facts decide about the mesh, as Istio's objects: who may call what, for how long, how
often, which instance is asked, what each admin port serves, and who is called outside.

Everything else about the mesh is written by hand, in istio/.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.cluster import NAMESPACE, Manifest, kustomization, labels, manifest, processes
from codegen.edge import RETRY_ON
from codegen.yaml_files import duration, write_yaml
from facts.system import System, callers
from services.chassis.contract import OutlierDetection, Rpc, Service

# Said everywhere: unsaid, Istio repeats twice, creates too.
_NO_RETRIES = {"attempts": 0}
_ISSUER = "https://argosy.local"
_AUDIENCE = "https://api.myapp.com"
_KEYS = "/.well-known/jwks.json"
_ADMIN_PATHS = ("/metrics", "/health", "/live")


def write_mesh(system: System, into: Path) -> None:
    """Writes one file a kind, and the kustomization that holds them together."""
    for name, (title, derive) in PIECES.items():
        write_yaml(into / f"{name}.yaml", title, *derive(system.contract))
    for name, (title, derive_from_facts) in OF_FACTS.items():
        write_yaml(into / f"{name}.yaml", title, *derive_from_facts(system))
    title = "Everything about the mesh that the contract and the facts decide."
    files = [f"{name}.yaml" for name in (*PIECES, *OF_FACTS)]
    write_yaml(into / "kustomization.yaml", title, kustomization(*files))


def virtual_services(services: tuple[Service, ...]) -> list[Manifest]:
    """How long calls take at most, and how reads are repeated on their way from the edge.

    Services repeat their calls to each other themselves (gRPC's own retries, from the same contract).
    """
    return [
        manifest(
            "networking.istio.io/v1",
            "VirtualService",
            owner,
            {"hosts": [_host(owner)], "http": [*_routes(owner, served), _rest(owner)]},
        )
        for owner, served in processes(services)
    ]


def destination_rules(services: tuple[Service, ...]) -> list[Manifest]:
    """How an instance is chosen and when one is left out. A service that states neither has the mesh's default."""
    rules = []
    for owner, served in processes(services):
        policy: Manifest = {}
        for service in served:
            if service.load_balancing:
                policy["loadBalancer"] = {"simple": service.load_balancing}
            if service.outlier_detection:
                policy["outlierDetection"] = _outlier_detection(service.outlier_detection)
        if policy:
            spec = {"host": _host(owner), "trafficPolicy": policy}
            rules.append(manifest("networking.istio.io/v1", "DestinationRule", owner, spec))
    return rules


def authorization_policies(services: tuple[Service, ...]) -> list[Manifest]:
    """Each service's callers and the rpcs of each, by the identity in the caller's certificate."""
    return [
        manifest(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            f"{owner}-callers",
            {
                "selector": {"matchLabels": labels(owner)},
                "action": "ALLOW",
                "rules": [_rule(caller, paths) for caller, paths in sorted(_paths_by_caller(served).items())],
            },
        )
        for owner, served in processes(services)
    ]


def request_authentications(system: System) -> list[Manifest]:
    """Refuses people's tokens that are not good once more, before a service that only people's tokens reach.

    Calls between services carry service tokens, which Istio would refuse as of an unknown issuer; those services, like
    all, check every token themselves.
    """
    (issuer,) = (one for one in system.services if _KEYS in one.admin_paths)
    spec_of_issuer = {
        "issuer": _ISSUER,
        "audiences": [_AUDIENCE],
        "jwksUri": f"http://{_host(issuer.name)}:{issuer.ports.admin}{_KEYS}",
        # The service checks it again.
        "forwardOriginalToken": True,
    }
    return [
        manifest(
            "security.istio.io/v1",
            "RequestAuthentication",
            f"{owner}-tokens",
            {"selector": {"matchLabels": labels(owner)}, "jwtRules": [spec_of_issuer]},
        )
        for owner, served in processes(system.contract)
        if not any(service.is_internal for service in served)
    ]


def mutual_tls(system: System) -> list[Manifest]:
    """Prometheus has no certificate of the mesh, nor has istiod, which fetches the keys of tokens: on the admin port
    they may come without. `admin_ports` limits what for."""
    return [
        manifest(
            "security.istio.io/v1",
            "PeerAuthentication",
            one.name,
            {
                "selector": {"matchLabels": labels(one.name)},
                "mtls": {"mode": "STRICT"},
                "portLevelMtls": {str(one.ports.admin): {"mode": "PERMISSIVE"}},
            },
        )
        for one in system.services
    ]


def admin_ports(system: System) -> list[Manifest]:
    """What scrapers and probes read, with a certificate or without; NetworkPolicies limit who can reach the port."""
    return [
        manifest(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            f"{one.name}-admin",
            {
                "selector": {"matchLabels": labels(one.name)},
                "action": "ALLOW",
                "rules": [{"to": [{"operation": _admin_operation(one.ports.admin, one.admin_paths)}]}],
            },
        )
        for one in system.services
    ]


def outside(system: System) -> list[Manifest]:
    """Who is called outside the cluster; all else is refused (istio/mesh: REGISTRY_ONLY). TLS is the caller's own."""
    return [
        manifest(
            "networking.istio.io/v1",
            "ServiceEntry",
            name,
            {
                "hosts": [party.host],
                "location": "MESH_EXTERNAL",
                "resolution": "DNS",
                "ports": [{"number": party.port, "name": "tls", "protocol": "TLS"}],
            },
        )
        for one in system.services
        for name, party in one.parties.items()
    ]


PIECES: dict[str, tuple[str, Callable[[tuple[Service, ...]], list[Manifest]]]] = {
    "virtual-services": ("How long calls may take, and which are repeated on their way.", virtual_services),
    "destination-rules": ("Which instance is asked, and when one is left out.", destination_rules),
    "authorization-policies": ("Who may call what; nobody else may call anything.", authorization_policies),
}
OF_FACTS: dict[str, tuple[str, Callable[[System], list[Manifest]]]] = {
    "request-authentications": ("Whose tokens are good, where only people's tokens come.", request_authentications),
    "mutual-tls": ("Mutual TLS, but for who reads the admin port without a certificate.", mutual_tls),
    "admin-ports": ("What each admin port serves, to whoever can reach it.", admin_ports),
    "outside": ("Who is called outside the cluster.", outside),
}


def _routes(owner: str, served: list[Service]) -> list[Manifest]:
    """One route for all rpcs of a proto service that are treated alike."""
    routes = []
    for service in served:
        alike: dict[str, tuple[Manifest, list[Rpc]]] = {}
        for rpc in service.rpcs:
            repeated = not service.is_internal and rpc.is_read and service.read_retries > 0
            kind = "streams" if rpc.streams else "reads" if repeated else "once"
            name = f"{service.full_name.rpartition('.')[2]}-{kind}-{duration(rpc.timeout)}"
            policy: Manifest = {
                # None for streams: their own service ends them in time. (Unsaid is none; Istio's API refuses 0s.)
                **({} if rpc.streams else {"timeout": duration(rpc.timeout)}),
                "retries": _retries(service, rpc) if repeated else _NO_RETRIES,
            }
            alike.setdefault(name.lower(), (policy, []))[1].append(rpc)
        routes += [
            {
                "name": name,
                "match": [{"uri": {"exact": rpc.path}} for rpc in rpcs],
                "route": _to(owner),
                **policy,
            }
            for name, (policy, rpcs) in alike.items()
        ]
    return routes


def _rest(owner: str) -> Manifest:
    """What is no rpc of the contract: health, keys."""
    return {"name": "rest", "route": _to(owner), "timeout": "5s", "retries": _NO_RETRIES}


def _to(owner: str) -> list[Manifest]:
    return [{"destination": {"host": _host(owner)}}]


def _retries(service: Service, rpc: Rpc) -> Manifest:
    # A try at a stream lasts as long as the stream.
    time = {} if rpc.streams else {"perTryTimeout": duration(service.per_try_timeout)}
    return {"attempts": service.read_retries, **time, "retryOn": RETRY_ON}


def _outlier_detection(policy: OutlierDetection) -> Manifest:
    return {
        "consecutive5xxErrors": policy.consecutive_errors,
        "interval": duration(policy.interval),
        "baseEjectionTime": duration(policy.ejection_time),
        "maxEjectionPercent": policy.max_ejection_percent,
    }


def _paths_by_caller(served: list[Service]) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for service in served:
        for rpc in service.rpcs:
            for caller in callers(rpc):
                paths.setdefault(caller, []).append(rpc.path)
    return paths


def _rule(caller: str, paths: list[str]) -> dict[str, Any]:
    principal = f"cluster.local/ns/{NAMESPACE}/sa/{caller}"
    return {
        "from": [{"source": {"principals": [principal]}}],
        "to": [{"operation": {"methods": ["POST"], "paths": paths}}],
    }


def _admin_operation(port: int, own: tuple[str, ...]) -> Manifest:
    return {"ports": [str(port)], "methods": ["GET"], "paths": [*_ADMIN_PATHS, *own]}


def _host(owner: str) -> str:
    return f"{owner}.{NAMESPACE}.svc.cluster.local"
