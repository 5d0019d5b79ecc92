"""Generates the services' stores in a cluster: small ones for the overlay `dev`, and those of the operators
CloudNativePG and MongoDB Community."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from codegen.cluster import NAMESPACE, STORES, Manifest, kustomization
from codegen.workloads import store_clients
from codegen.yaml_files import write_yaml
from facts.service import Service
from facts.system import System

_STORE_OF = "argosy.myapp.com/store-of"
_SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
_LARGE = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


class _Engine(NamedTuple):
    """The database server of one kind in `dev`."""

    name: str
    image: str
    port: int
    user_variable: str
    password_variable: str
    data: str
    run: str
    """Another directory that it writes to."""


_ENGINES = {
    "postgres": _Engine(
        "postgres",
        "postgres:18.0",
        5432,
        "POSTGRES_USER",
        "POSTGRES_PASSWORD",
        "/var/lib/postgresql",
        "/var/run/postgresql",
    ),
    "mongo": _Engine(
        "mongodb",
        "mongo:8.0.15",
        27017,
        "MONGO_INITDB_ROOT_USERNAME",
        "MONGO_INITDB_ROOT_PASSWORD",
        "/data/db",
        "/data/configdb",
    ),
}


def write_dev_stores(system: System, into: Path) -> None:
    """Write one file per store, and their kustomization."""
    stored = [one for one in system.services if one.store.kind != "none"]
    for one in stored:
        write_yaml(into / f"{one.name}.yaml", f"The small store of the service {one.name}.", *dev_store(one))
    files = kustomization(*(f"{one.name}.yaml" for one in stored))
    write_yaml(into / "kustomization.yaml", "One small store per service.", files)


def write_operated_stores(system: System, into: Path) -> None:
    """Write one kustomization per operator."""
    postgres = [made for one in system.with_store("postgres") for made in cloud_native_pg(one)]
    mongo = [made for one in system.with_store("mongo") for made in mongodb_community(one)]
    for name, title, objects in (
        ("postgres", "CloudNativePG's clusters, one per service.", postgres),
        ("mongodb", "MongoDB's replica sets, one per service.", mongo),
    ):
        files = ["clusters.yaml"] if objects else []
        if objects:
            write_yaml(into / name / "clusters.yaml", title, *objects)
        write_yaml(into / name / "kustomization.yaml", title, kustomization(*files))


def dev_store(service: Service) -> list[Manifest]:
    """One instance of the service's store. Only the service may reach it."""
    engine = _ENGINES[service.store.kind]
    name = f"{service.name}-{engine.name}"
    selector = {_STORE_OF: service.name}
    port = {"name": f"tcp-{engine.name}", "port": engine.port, "targetPort": "store"}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
    }
    stateful_set = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": _dev_pod(service, engine)},
        "volumeClaimTemplates": [claim],
    }
    production = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "podSelector": _as_expression(store_clients(service)),
    }
    policy = {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [production], "ports": [{"protocol": "TCP", "port": "store"}]}],
    }
    return [
        _password(f"{service.name}-store", service, {"kind": "SecretStore", "name": "argosy"}),
        _object("v1", "Service", name, {"selector": selector, "ports": [port]}),
        _object("apps/v1", "StatefulSet", name, stateful_set),
        _object("networking.k8s.io/v1", "NetworkPolicy", f"{service.name}-store", policy),
    ]


def cloud_native_pg(service: Service) -> list[Manifest]:
    """A cluster of three instances, and its owner's password."""
    name, owner = service.name, f"{service.name}-owner"
    password = _password(owner, service, {"kind": "ClusterSecretStore", "name": "argosy-stores"})
    password["spec"]["target"]["template"] = {
        "type": "kubernetes.io/basic-auth",
        "data": {"username": name, "password": "{{ .password }}"},
    }
    spec = {
        "instances": 3,
        "postgresql": {
            # A committed transaction survives the loss of one machine.
            "synchronous": {"method": "any", "number": 1},
            # Ten instances with twenty connections each, plus relays and migrations.
            "parameters": {"max_connections": "250"},
        },
        "bootstrap": {"initdb": {"database": service.database, "owner": name, "secret": {"name": owner}}},
        "storage": {"size": "50Gi", "storageClass": "fast-ssd"},
        "inheritedMetadata": {"labels": {_STORE_OF: name}},
        "affinity": {
            "enablePodAntiAffinity": True,
            "podAntiAffinityType": "required",
            "topologyKey": "kubernetes.io/hostname",
        },
        "resources": _LARGE,
    }
    return [_in_stores(password), _in_stores(_object("postgresql.cnpg.io/v1", "Cluster", name, spec))]


def mongodb_community(service: Service) -> list[Manifest]:
    """A replica set of three members, and its user's password."""
    name, store = service.name, f"{service.name}-store"
    password = _password(store, service, {"kind": "ClusterSecretStore", "name": "argosy-stores"})
    user = {
        "name": name,
        "db": "admin",
        "passwordSecretRef": {"name": store},
        "roles": [{"name": "readWrite", "db": service.database}],
        "scramCredentialsSecretName": name,
    }
    claim = {
        "metadata": {"name": "data-volume"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast-ssd",
            "resources": {"requests": {"storage": "50Gi"}},
        },
    }
    pod = {
        "metadata": {"labels": {_STORE_OF: name}},
        "spec": {"containers": [{"name": "mongod", "resources": _LARGE}]},
    }
    spec = {
        "type": "ReplicaSet",
        "members": 3,
        "version": "8.0.15",
        "security": {"authentication": {"modes": ["SCRAM"]}},
        "users": [user],
        "statefulSet": {"spec": {"template": pod, "volumeClaimTemplates": [claim]}},
    }
    made = _object("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity", f"{name}-mongodb", spec)
    return [_in_stores(password), _in_stores(made)]


def _dev_pod(service: Service, engine: _Engine) -> Manifest:
    password = {"secretKeyRef": {"name": f"{service.name}-store", "key": "password"}}
    env: list[Manifest] = [
        {"name": engine.user_variable, "value": service.name},
        {"name": engine.password_variable, "valueFrom": password},
    ]
    probe: Manifest = {"tcpSocket": {"port": "store"}}
    if service.store.kind == "postgres":
        env.append({"name": "POSTGRES_DB", "value": service.database})
        probe = {"exec": {"command": ["pg_isready", f"--username={service.name}"]}}
    mounts = {"data": engine.data, "tmp": "/tmp", "run": engine.run}  # noqa: S108 (in a container)
    container = {
        "name": engine.name,
        "image": engine.image,
        "ports": [{"name": "store", "containerPort": engine.port}],
        "env": env,
        "readinessProbe": {**probe, "periodSeconds": 5},
        "resources": _SMALL,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 999,
            "runAsGroup": 999,
            "fsGroup": 999,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "run", "emptyDir": {}}],
    }


def _password(name: str, service: Service, store: Manifest) -> Manifest:
    remote = {"key": f"{service.name}-store", "property": "password"}
    spec = {
        "refreshInterval": "1h",
        "secretStoreRef": store,
        "target": {"name": name},
        "data": [{"secretKey": "password", "remoteRef": remote}],
    }
    return _object("external-secrets.io/v1", "ExternalSecret", name, spec)


def _as_expression(workloads: list[str]) -> Manifest:
    return {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": workloads}]}


def _object(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _in_stores(manifest: Manifest) -> Manifest:
    manifest["metadata"]["namespace"] = STORES
    return manifest
