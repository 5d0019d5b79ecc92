"""What stands on the map, and who uses whom: derived from the services' facts and the contract."""

from __future__ import annotations

from typing import Any

from facts.service import Service
from facts.system import EDGE, System
from local.stack import Stack

CUSTOMERS = "customers"
BUS = "kafka"
STORE_PARTS = {"postgres": ("postgres", "PostgreSQL"), "mongo": ("ferretdb", "FerretDB")}
"""The kind of a store → the part that is it, and its name."""


def store_of(service: str) -> str:
    """The node of a service's store on the map."""
    return f"{service}-store"


def plan(system: System, stack: Stack) -> dict[str, Any]:
    """Nodes, and arrows between them, for the page. `part` is the name that the supervisor knows."""
    return {
        "services": [
            {
                "id": one.name,
                "owns": one.owns,
                "calls": list(system.calls(one.name)),
                "parties": sorted(one.parties),
                "publishes": one.topic is not None,
                "consumes": list(system.consumed(one.name)) if one.consumes else [],
                "store": _store(one),
            }
            for one in system.services
        ],
        "public": list(system.calls(EDGE)),
        "topics": list(system.topics),
        "addresses": {"edge": stack.url("edge", "/"), "mail": stack.url("mail-http", "/messages")},
    }


def _store(service: Service) -> dict[str, str] | None:
    if service.store.kind not in STORE_PARTS:
        return None
    part, name = STORE_PARTS[service.store.kind]
    return {"id": store_of(service.name), "part": part, "name": name}
