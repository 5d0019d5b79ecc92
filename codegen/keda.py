"""Generates scaling by consumer lag (KEDA): a kustomize component that replaces the HPAs of consumers."""

from __future__ import annotations

from pathlib import Path

from codegen.cluster import Manifest, manifest
from codegen.kafka import acl, user
from codegen.yaml_files import write_yaml
from facts.service import Service
from facts.system import System


def write_keda(system: System, into: Path) -> None:
    """Write the scaled objects, KEDA's Kafka user, and their component."""
    write_yaml(into / "scaled-objects.yaml", "Each consumer scales by the lag of its group.", *scaled_objects(system))
    write_yaml(into / "kafka-user.yaml", "KEDA may only describe groups and topics.", kafka_user(system))
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["scaled-objects.yaml", "kafka-user.yaml"],
        # Two autoscalers would conflict.
        "patches": [
            {
                "target": {"kind": "HorizontalPodAutoscaler", "name": f"({'|'.join(system.consumers)})"},
                "patch": "$patch: delete\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n"
                "metadata:\n  name: any\n",
            }
        ],
    }
    write_yaml(into / "kustomization.yaml", "Scaling by consumer lag instead of HPAs.", component)


def scaled_objects(system: System) -> list[Manifest]:
    """One for each service with a consumer group."""
    return [_scaled(system, system[name]) for name in sorted(system.consumers)]


def kafka_user(system: System) -> Manifest:
    """KEDA's Kafka user. It may describe the consumed topics and the groups."""
    topics = sorted({topic for consumed in system.consumers.values() for topic in consumed})
    groups = sorted(system[name].group for name in system.consumers)
    acls = [acl("topic", topic) for topic in topics] + [acl("group", group) for group in groups]
    made = user("keda", acls)
    made["metadata"]["namespace"] = "kafka"
    return made


def _scaled(system: System, service: Service) -> Manifest:
    least = service.replicas.least
    cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70", "containerName": "service"}}
    spec = {
        "scaleTargetRef": {"name": service.name},
        "minReplicaCount": least,
        "maxReplicaCount": service.replicas.most,
        "cooldownPeriod": 300,
        # If KEDA cannot read the lag.
        "fallback": {"failureThreshold": 3, "replicas": least, "behavior": "currentReplicasIfHigher"},
        "triggers": [cpu, *(_lag(service, topic) for topic in system.consumed(service.name))],
    }
    return manifest("keda.sh/v1alpha1", "ScaledObject", service.name, spec)


def _lag(service: Service, topic: str) -> Manifest:
    return {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": "argosy-kafka-bootstrap.kafka.svc.cluster.local:9093",
            "consumerGroup": service.group,
            "topic": topic,
            # The lag per instance: about one second of work.
            "lagThreshold": "100",
            "offsetResetPolicy": "earliest",
            "tls": "enable",
        },
        "authenticationRef": {"name": "kafka"},
    }
