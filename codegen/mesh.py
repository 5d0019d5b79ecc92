"""Generates Istio objects from the contract and the facts: authorization, timeouts, retries, load balancing, admin
ports, external hosts.

The rest of the mesh's configuration is written by hand, in istio/.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from codegen.cluster import NAMESPACE, Manifest, kustomization, labels, manifest, processes
from codegen.edge import RETRY_ON
from codegen.yaml_files import duration, write_yaml
from facts.system import System, callers
from services.chassis.rpc.contract import OutlierDetection, Rpc, Service

# Set everywhere: Istio's default is two retries, also for creates.
_NO_RETRIES = {"attempts": 0}
_ISSUER = "https://argosy.local"
_AUDIENCE = "https://api.myapp.com"
_KEYS = "/.well-known/jwks.json"
_ADMIN_PATHS = ("/metrics", "/health", "/live")


def write_mesh(system: System, into: Path) -> None:
    """Write one file per kind, and their kustomization."""
    for name, (title, derive) in PIECES.items():
        write_yaml(into / f"{name}.yaml", title, *derive(system.contract))
    for name, (title, derive_from_facts) in OF_FACTS.items():
        write_yaml(into / f"{name}.yaml", title, *derive_from_facts(system))
    title = "The mesh's objects from the contract and the facts."
    files = [f"{name}.yaml" for name in (*PIECES, *OF_FACTS)]
    write_yaml(into / "kustomization.yaml", title, kustomization(*files))


def virtual_services(services: tuple[Service, ...]) -> list[Manifest]:
    """Timeouts of calls, and retries of reads from the edge.

    Services retry their calls to each other themselves (gRPC retries, from the same contract).
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
    """Load balancing and outlier detection. A service without these options has the mesh's default."""
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
    """The rpcs that each caller may call, by the identity in the caller's certificate."""
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
    """Refuse invalid user tokens before they reach a service without internal rpcs.

    Istio would refuse service tokens, whose issuer is unknown to it. All services verify every token themselves.
    """
    (issuer,) = (one for one in system.services if _KEYS in one.admin_paths)
    spec_of_issuer = {
        "issuer": _ISSUER,
        "audiences": [_AUDIENCE],
        "jwksUri": f"http://{_host(issuer.name)}:{issuer.ports.admin}{_KEYS}",
        # The service verifies it again.
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
    """Mutual TLS, except for admin ports: Prometheus and istiod (which fetches the keys of tokens) have no certificate
    of the mesh. `admin_ports` limits the paths."""
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
    """The paths of admin ports, with or without a certificate. NetworkPolicies limit the clients of the port."""
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
    """The external hosts. Others are refused (istio/mesh: REGISTRY_ONLY). The caller itself does TLS."""
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
    "virtual-services": ("Timeouts and retries.", virtual_services),
    "destination-rules": ("Load balancing and outlier detection.", destination_rules),
    "authorization-policies": ("The rpcs that each caller may call; all others are refused.", authorization_policies),
}
OF_FACTS: dict[str, tuple[str, Callable[[System], list[Manifest]]]] = {
    "request-authentications": ("Verification of user tokens.", request_authentications),
    "mutual-tls": ("Mutual TLS, except for admin ports.", mutual_tls),
    "admin-ports": ("The paths of admin ports.", admin_ports),
    "outside": ("The external hosts.", outside),
}


def _routes(owner: str, served: list[Service]) -> list[Manifest]:
    """One route for all rpcs of a proto service with the same timeout and retries."""
    routes = []
    for service in served:
        alike: dict[str, tuple[Manifest, list[Rpc]]] = {}
        for rpc in service.rpcs:
            repeated = not service.is_internal and rpc.is_read and service.read_retries > 0
            kind = "streams" if rpc.streams else "reads" if repeated else "once"
            name = f"{service.full_name.rpartition('.')[2]}-{kind}-{duration(rpc.timeout)}"
            policy: Manifest = {
                # No timeout for streams: their service ends them in time. (Absent means none; Istio's API refuses 0s.)
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
    """The route of all other paths: health, keys."""
    return {"name": "rest", "route": _to(owner), "timeout": "5s", "retries": _NO_RETRIES}


def _to(owner: str) -> list[Manifest]:
    return [{"destination": {"host": _host(owner)}}]


def _retries(service: Service, rpc: Rpc) -> Manifest:
    # An attempt of a stream lasts as long as the stream.
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
