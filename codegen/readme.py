"""The derived block of README.md: the table of services."""

from __future__ import annotations

from facts.service import Service
from facts.system import System

_STORES = {"postgres": ["PostgreSQL"], "mongo": ["MongoDB"], "none": []}


def parts(system: System) -> str:
    """The table with a row per service: ports, store and external parties, what it owns."""
    head = "| service | gRPC | HTTP | store, parties | owns |\n| --- | --- | --- | --- | --- |\n"
    return "\n" + head + "".join(map(_row, system.services)) + "\n"


BLOCKS = {"services": parts}


def _row(service: Service) -> str:
    name, ports = service.name, service.ports
    dependencies = ", ".join([*_STORES[service.store.kind], *(party.label for party in service.parties.values())])
    link = f"[{name}](services/{name}/README.md)"
    return f"| {link} | {ports.grpc} | {ports.admin} | {dependencies} | {service.owns} |\n"
