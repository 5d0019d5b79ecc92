"""Generates the Kubernetes objects of each service: Deployment, Service, scaling, secrets, network policies, and the
job that migrates its schema.

k8s/base has the common settings of all pods, and patches for exceptions.
"""

from __future__ import annotations

from pathlib import Path

from codegen.cluster import Manifest, labels
from codegen.yaml_files import write_yaml
from facts.service import Service, target_setting
from facts.system import EDGE, System

_KEY_DIRECTORY = "/run/secrets/service-key"
_STORE_PORTS = {"postgres": 5432, "mongo": 27017}
_PRIVATE_NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]
_UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "capabilities": {"drop": ["ALL"]},
}
_READABLE_BY_GROUP = 0o440
_READABLE_BY_ALL = 0o444


def write_workloads(system: System, into: Path) -> list[str]:
    """Write one file per service. Returns the names, for the kustomization."""
    for one in system.services:
        write_yaml(into / f"{one.name}.yaml", f"The service {one.name}.", *objects(system, one))
    return [f"{one.name}.yaml" for one in system.services]


def write_edge_targets(system: System, into: Path) -> None:
    """Write a component that sets the edge's *_TARGET variables."""
    targets = {
        target_setting(name): f"{name}.production.svc.cluster.local:{system[name].ports.grpc}" for name in system.public
    }
    container = {"name": "service", "env": _env(targets)}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": EDGE},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "patches": [{"path": "targets.yaml"}],
    }
    write_yaml(into / "targets.yaml", "The addresses of the services, for the edge.", patch)
    write_yaml(into / "kustomization.yaml", "The addresses of the services, for the edge.", component)


def objects(system: System, service: Service) -> list[Manifest]:
    """All objects of one service."""
    found = [
        {"apiVersion": "v1", "kind": "ServiceAccount", **_named(service.name), "automountServiceAccountToken": False},
        _deployment(system, service),
        _service(service),
        *_scaling(service),
        *_secrets(service),
        *_network(service),
    ]
    return [*found, _migration(system, service)] if service.migrates else found


def environment(system: System, service: Service) -> dict[str, str]:
    """The environment variables of its container, without common ones and secrets (`envFrom`)."""
    return {
        "GRPC_PORT": str(service.ports.grpc),
        "ADMIN_PORT": str(service.ports.admin),
        **{target_setting(called): f"{called}:{system[called].ports.grpc}" for called in system.calls(service.name)},
        **{setting: f"/run/secrets/{name}" for setting, name in service.secret_directories.items()},
        **{setting: one.cluster for setting, one in service.settings.items() if one.cluster},
    }


def _env(values: dict[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _named(name: str, **labels: str) -> Manifest:
    metadata: Manifest = {"name": name, **({"labels": labels} if labels else {})}
    return {"metadata": metadata}


def _all_labels(name: str, component: str) -> dict[str, str]:
    return {**labels(name), "app.kubernetes.io/component": component}


def _deployment(system: System, service: Service) -> Manifest:
    name, port = service.name, service.ports.grpc
    alive = {"grpc": {"port": port, "service": "live"}}  # `live` fails only if a restart helps, never for a store
    container = {
        "name": "service",
        "args": [f"services.{name}"],
        "ports": [
            {"name": "grpc", "containerPort": port},
            {"name": "http-admin", "containerPort": service.ports.admin},
        ],
        "env": _env(environment(system, service)),
        **_env_from(service),
        "startupProbe": alive,
        "livenessProbe": alive,
        "readinessProbe": {"grpc": {"port": port}},
        "resources": service.resources.model_dump(),
        "volumeMounts": [_mount(volume, path) for volume, path in _volumes(service).items()],
    }
    pod = {
        "serviceAccountName": name,
        "containers": [container],
        "volumes": [_volume(service, volume, _READABLE_BY_GROUP) for volume in _volumes(service)],
    }
    spec = {
        "selector": {"matchLabels": labels(name)},
        "template": {"metadata": {"labels": _all_labels(name, "service")}, "spec": pod},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        **_named(name, **_all_labels(name, "service")),
        "spec": spec,
    }


def _env_from(service: Service) -> Manifest:
    return {"envFrom": [{"secretRef": {"name": service.name}}]} if _secret_settings(service) else {}


def _secret_settings(service: Service) -> list[str]:
    return [name for name in (service.store_setting, *service.secrets) if name]


def _volumes(service: Service) -> dict[str, str]:
    """The mounts of secret files: volume → path."""
    files = {name: f"/run/secrets/{name}" for name in service.secret_directories.values()}
    return {"service-key": _KEY_DIRECTORY, "kafka": "/run/secrets/kafka", **files}


def _mount(volume: str, path: str) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": True}


def _volume(service: Service, volume: str, mode: int) -> Manifest:
    return {"name": volume, "secret": {"secretName": f"{service.name}-{volume}", "defaultMode": mode}}


def _service(service: Service) -> Manifest:
    def port(name: str, number: int, protocol: str) -> Manifest:
        return {"name": name, "port": number, "targetPort": name, "appProtocol": protocol}

    ports = [port("grpc", service.ports.grpc, "grpc"), port("http-admin", service.ports.admin, "http")]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        **_named(service.name, **_all_labels(service.name, "service")),
        "spec": {"selector": labels(service.name), "ports": ports},
    }


def _scaling(service: Service) -> list[Manifest]:
    name = service.name
    # Only the service's container: the sidecar's CPU must not cause scaling.
    cpu = {"name": "cpu", "container": "service", "target": {"type": "Utilization", "averageUtilization": 70}}
    by_cpu = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": service.replicas.least,
        "maxReplicas": service.replicas.most,
        "metrics": [{"type": "ContainerResource", "containerResource": cpu}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
    budget = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels(name)},
    }
    return [
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **_named(name), "spec": by_cpu},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", **_named(name), "spec": budget},
    ]


def _secrets(service: Service) -> list[Manifest]:
    """The secrets: environment variables, the service's key with all public keys, its Kafka certificate, and its
    directories of secret files, which are refreshed every minute."""
    name, key = service.name, f"{service.name}-service-key"
    settings = [_entry(setting, name, setting) for setting in _secret_settings(service)]
    keys = [
        _entry("service.pem", key, "service.pem"),
        _entry("service-keys.json", "service-keys", "service-keys.json"),
    ]
    certificate = [
        _entry("cluster-ca.crt", "argosy-cluster-ca-cert", "ca.crt"),
        _entry("user.crt", name, "user.crt"),
        _entry("user.key", name, "user.key"),
    ]
    found = [_secret(name, "argosy", {"data": settings})] if settings else []
    found += [_secret(key, "argosy", {"data": keys}), _secret(f"{name}-kafka", "kafka", {"data": certificate})]
    for directory in service.secret_directories.values():
        files = {"dataFrom": [{"extract": {"key": f"{name}-{directory}"}}]}
        found.append(_secret(f"{name}-{directory}", "argosy", files, "1m"))
    return found


def _entry(key: str, remote: str, field: str) -> Manifest:
    return {"secretKey": key, "remoteRef": {"key": remote, "property": field}}


def _secret(name: str, store: str, content: Manifest, refresh: str = "1h") -> Manifest:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        **_named(name),
        "spec": {
            "refreshInterval": refresh,
            "secretStoreRef": {"kind": "SecretStore", "name": store},
            "target": {"name": name},
            **content,
        },
    }


def store_clients(service: Service) -> list[str]:
    """The workloads that may reach a service's store."""
    return [service.name, f"{service.name}-migration"] if service.migrates else [service.name]


def chosen(workloads: list[str]) -> Manifest:
    """A selector of the pods of these workloads."""
    if len(workloads) == 1:
        return {"matchLabels": labels(workloads[0])}
    return {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": workloads}]}


def _network(service: Service) -> list[Manifest]:
    """Egress to its own store, and to external hosts. NetworkPolicies do not support host names: the mesh's
    ServiceEntries limit the hosts."""
    found = []
    if service.store.kind != "none":
        store = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "stores"}},
            "podSelector": {"matchLabels": {"argosy.myapp.com/store-of": service.name}},
        }
        port = _STORE_PORTS[service.store.kind]
        found.append(_egress(f"{service.name}-store", chosen(store_clients(service)), store, [port]))
    if service.parties:
        outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE_NETWORKS}}
        ports = sorted({party.port for party in service.parties.values()})
        found.append(_egress(f"{service.name}-outside", chosen([service.name]), outside, ports))
    return found


def _egress(name: str, pods: Manifest, peer: Manifest, ports: list[int]) -> Manifest:
    rule = {"to": [peer], "ports": [{"protocol": "TCP", "port": port} for port in ports]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        **_named(name),
        "spec": {"podSelector": pods, "policyTypes": ["Egress"], "egress": [rule]},
    }


def _migration_mode(volume: str) -> int:
    """The job's pod has no fsGroup, so its key must be readable by all."""
    return _READABLE_BY_ALL if volume == "service-key" else _READABLE_BY_GROUP


def _migration(system: System, service: Service) -> Manifest:
    """The migration job. A service that starts at the same time waits, or migrates itself (a lock allows only one)."""
    name = f"{service.name}-migration"
    volumes = {volume: path for volume, path in _volumes(service).items() if volume != "kafka"}
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": "unused:9093",
        "SERVICE_KEY_FILE": f"{_KEY_DIRECTORY}/service.pem",
        "SERVICE_KEYS_FILE": f"{_KEY_DIRECTORY}/service-keys.json",
    }
    container = {
        "name": "migration",
        "image": "argosy",
        "args": [f"services.{service.name}", "migrate"],
        "env": _env({**environment(system, service), **given}),
        **_env_from(service),
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        },
        "securityContext": _UNPRIVILEGED,
        "volumeMounts": [_mount(volume, path) for volume, path in volumes.items()],
    }
    pod = {
        "serviceAccountName": service.name,
        "automountServiceAccountToken": False,
        "restartPolicy": "OnFailure",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [_volume(service, volume, _migration_mode(volume)) for volume in volumes],
    }
    # It connects only to PostgreSQL, which is outside the mesh.
    pod_labels = {**_all_labels(name, "migration"), "sidecar.istio.io/inject": "false"}
    spec = {
        "backoffLimit": 20,
        "activeDeadlineSeconds": 1800,
        # Deleted before the next version's job, which has the same name.
        "ttlSecondsAfterFinished": 300,
        "template": {"metadata": {"labels": pod_labels}, "spec": pod},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", **_named(name, **_all_labels(name, "migration")), "spec": spec}
