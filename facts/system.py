"""All services combined with the contract: callers, public services, publishers and consumers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from facts import service
from facts.service import ROOT, FactsError, Service
from services.chassis.rpc.contract import EventType, Rpc, read_contract, read_events
from services.chassis.rpc.contract import Service as ProtoService

DESCRIPTORS = Path("generated", "descriptors.binpb")
EDGE = "edge"
"""The caller of every public rpc."""
NOBODY = "nobody"
"""The caller of an internal rpc that no service may call any more: its last caller was taken out."""


@dataclass(frozen=True)
class System:
    """The table of facts. Services are sorted by gRPC port, everything else by name."""

    services: tuple[Service, ...]
    contract: tuple[ProtoService, ...]
    events: tuple[EventType, ...]

    def __getitem__(self, name: str) -> Service:
        """A service by its name. Raises KeyError."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all services."""
        return tuple(one.name for one in self.services)

    @property
    def public(self) -> tuple[str, ...]:
        """The services that the edge calls."""
        return self.calls(EDGE)

    def served(self, name: str) -> tuple[ProtoService, ...]:
        """The proto services that a service serves."""
        return tuple(one for one in self.contract if one.owner == name)

    def callers(self, name: str) -> tuple[str, ...]:
        """The callers of a service: other services, and the edge."""
        return tuple(sorted({caller for one in self.served(name) for rpc in one.rpcs for caller in callers(rpc)}))

    def calls(self, caller: str) -> tuple[str, ...]:
        """The services that a service, or the edge, may call."""
        return tuple(name for name in self.names if caller in self.callers(name))

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the contract, without dead letter topics."""
        return tuple(sorted({event.topic for event in self.events}))

    def publishes(self, name: str) -> tuple[str, ...]:
        """The event types that a service publishes."""
        return tuple(event.name for event in self.events if event.topic == topic_of(name))

    def consumed(self, name: str) -> tuple[str, ...]:
        """The topics that a service's consumer group reads."""
        wanted = self[name].consumes
        return tuple(sorted({event.topic for event in self.events if event.name in wanted}))

    @property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """Service with a consumer group → the topics that the group reads."""
        return {one.name: self.consumed(one.name) for one in self.services if one.consumes}

    @property
    def publishers(self) -> tuple[str, ...]:
        """The services that publish events."""
        return tuple(one.name for one in self.services if one.topic is not None)

    def with_store(self, kind: str) -> tuple[Service, ...]:
        """The services with a store of this kind."""
        return tuple(one for one in self.services if one.store.kind == kind)

    @cached_property
    def _by_name(self) -> Mapping[str, Service]:
        return {one.name: one for one in self.services}


def read(root: Path = ROOT, image: bytes | None = None) -> System:
    """Read the services under a root and the contract: `image` (a serialized FileDescriptorSet) or the generated one.

    Raises:
        FactsError: services and contract contradict each other.
        ContractError: the contract contradicts itself.
    """
    image = (root / DESCRIPTORS).read_bytes() if image is None else image
    found = System(service.read(root), read_contract(image), read_events(image))
    problems = list(misfits(found))
    if problems:
        raise FactsError("\n".join(problems))
    return found


@cache
def system() -> System:
    """The table of facts of this checkout."""
    return read()


def callers(rpc: Rpc) -> tuple[str, ...]:
    """The workloads that may call an rpc."""
    return tuple(caller for caller in rpc.callers if caller != NOBODY) if rpc.callers else (EDGE,)


def topic_of(name: str) -> str:
    """The topic that a service publishes on."""
    return f"{name}-events"


def misfits(found: System) -> Iterator[str]:
    """The contradictions between the services' facts and the contract, in both directions."""
    owners = {one.owner for one in found.contract}
    for owner in sorted(owners - {*found.names}):
        yield f"the contract names the service {owner}: services/{owner} is missing"
    for name in sorted({*found.names} - owners):
        yield f"services/{name}: the contract has no service with this owner"
    for served in found.contract:
        for rpc in served.rpcs:
            for caller in sorted({*rpc.callers} - {*found.names, NOBODY}):
                yield f"{rpc.path}: its caller {caller} is not a service"
    publishers = {topic_of(one.name) for one in found.services if one.topic is not None}
    for topic in sorted({*found.topics} ^ publishers):
        yield f"{topic}: the contract puts events on the topic <name>-events of a service with `topic` in its facts"
    types = {event.name for event in found.events}
    for one in found.services:
        yield from (f"services/{one.name}: it consumes {name}, no event" for name in sorted({*one.consumes} - types))
        followed = sorted({*one.follows} - {*found.topics})
        yield from (f"services/{one.name}: it follows {topic}, no topic" for topic in followed)
    yield from _shared_ports(found)


def _shared_ports(found: System) -> Iterator[str]:
    taken: dict[int, str] = {}
    for one in found.services:
        for port in (one.ports.grpc, one.ports.admin):
            if port in taken:
                yield f"services/{one.name}: the port {port} is {taken[port]}'s"
            taken.setdefault(port, one.name)
