"""All services beside the contract: who calls whom, what is public, who publishes and consumes which topic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from facts import service
from facts.service import ROOT, FactsError, Service
from services.chassis.contract import EventType, Rpc, read_contract, read_events
from services.chassis.contract import Service as ProtoService

DESCRIPTORS = Path("generated", "descriptors.binpb")
EDGE = "edge"
"""The caller of every public rpc."""


@dataclass(frozen=True)
class System:
    """The table of facts. Services come in the order of their gRPC ports, everything else by name."""

    services: tuple[Service, ...]
    contract: tuple[ProtoService, ...]
    events: tuple[EventType, ...]

    def __getitem__(self, name: str) -> Service:
        """One service by its name. Raises KeyError."""
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Every service's name."""
        return tuple(one.name for one in self.services)

    @property
    def public(self) -> tuple[str, ...]:
        """The services that the edge calls."""
        return self.calls(EDGE)

    def served(self, name: str) -> tuple[ProtoService, ...]:
        """The proto services that a service's process serves."""
        return tuple(one for one in self.contract if one.owner == name)

    def callers(self, name: str) -> tuple[str, ...]:
        """Who may call a service: other services, and the edge."""
        return tuple(sorted({caller for one in self.served(name) for rpc in one.rpcs for caller in callers(rpc)}))

    def calls(self, caller: str) -> tuple[str, ...]:
        """The services that a service, or the edge, may call."""
        return tuple(name for name in self.names if caller in self.callers(name))

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic of the contract, without those of dead letters."""
        return tuple(sorted({event.topic for event in self.events}))

    def publishes(self, name: str) -> tuple[str, ...]:
        """The types of the events that a service publishes."""
        return tuple(event.name for event in self.events if event.topic == topic_of(name))

    def consumed(self, name: str) -> tuple[str, ...]:
        """The topics that a service's consumer group reads."""
        wanted = self[name].consumes
        return tuple(sorted({event.topic for event in self.events if event.name in wanted}))

    @property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """The topics that each service with a consumer group reads."""
        return {one.name: self.consumed(one.name) for one in self.services if one.consumes}

    @property
    def publishers(self) -> tuple[str, ...]:
        """The services that publish events."""
        return tuple(one.name for one in self.services if one.topic is not None)

    def with_store(self, kind: str) -> tuple[Service, ...]:
        """The services whose store is of a kind."""
        return tuple(one for one in self.services if one.store.kind == kind)

    @cached_property
    def _by_name(self) -> Mapping[str, Service]:
        return {one.name: one for one in self.services}


def read(root: Path = ROOT, image: bytes | None = None) -> System:
    """The services under a root beside a contract: a serialized FileDescriptorSet, else the generated one.

    Raises FactsError when the two do not fit, ContractError when the contract does not fit itself.
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
    return rpc.callers or (EDGE,)


def topic_of(name: str) -> str:
    """The topic that a service publishes on."""
    return f"{name}-events"


def misfits(found: System) -> Iterator[str]:
    """What the services' facts and the contract do not agree on, both ways."""
    owners = {one.owner for one in found.contract}
    for owner in sorted(owners - {*found.names}):
        yield f"the contract names the service {owner}: services/{owner} is missing"
    for name in sorted({*found.names} - owners):
        yield f"services/{name}: no service of the contract is its own"
    for served in found.contract:
        for rpc in served.rpcs:
            for caller in sorted({*rpc.callers} - {*found.names}):
                yield f"{rpc.path}: its caller {caller} is no service"
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
