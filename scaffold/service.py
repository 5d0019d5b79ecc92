"""A new service: its folder, its protos, its tests. Nothing of another service changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from facts import system as facts
from scaffold import contract, names
from scaffold.contract import Event
from scaffold.names import BadName, Noun
from scaffold.templates import render

STORES = ("postgres", "mongo", "none")


@dataclass(frozen=True)
class NewService:
    """What somebody asks for."""

    name: str
    store: str
    noun: Noun
    consumes: Sequence[Event]
    publishes: Sequence[Event]
    now: datetime
    """From when on it reads events."""


def asked(
    root: Path,
    name: str,
    store: str,
    noun: str | None,
    consumes: Sequence[str],
    publishes: Sequence[str],
    now: datetime,
) -> NewService:
    """A service that can be written. Raises BadName, which names what is wrong and what would be right."""
    names.service(name)
    if store not in STORES:
        raise BadName(f"--store must be one of {', '.join(STORES)}: not {store!r}")
    if publishes and store != "postgres":
        raise BadName(
            f"--publishes needs --store postgres, not {store}: an event is stored with the change that it is about,"
            " and the chassis has an outbox for PostgreSQL"
        )
    if name in facts.read(root).names:
        raise BadName(f"NAME must be new: services/{name} is there")
    known = contract.events(root)
    for event in publishes:
        if names.event(event) in known:
            raise BadName(f"--publishes must name new events: {known[event].publisher} publishes {event}")
    kept = names.noun(noun) if noun else names.guess_noun(name, list(publishes))
    _refuse_taken(root, kept, [names.camel(event) for event in publishes])
    return NewService(
        name,
        store,
        kept,
        contract.consumed(root, consumes),
        [Event(event, f"{name}-events", f"{name}_events_pb2", f"{kept.snake}_id") for event in publishes],
        now,
    )


def files(root: Path, new: NewService) -> Iterator[tuple[Path, str]]:
    """Each file of the service: its path in the repository, and its text before it is laid out."""
    values = _values(root, new)
    yield from render("service", values)
    yield from render("consumer", values, new.consumes)


def write(root: Path, new: NewService) -> list[Path]:
    """Writes the service; answers the files, by their paths in the repository."""
    made = dict(files(root, new))
    for path, text in made.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return sorted(made)


def _values(root: Path, new: NewService) -> dict[str, Any]:
    grpc, admin = contract.next_ports(facts.read(root))
    since = new.now
    return {
        "name": new.name,
        "Name": new.name.capitalize(),
        **new.noun.spellings(),
        "owns": new.noun.plural.replace("_", " "),
        "store": new.store,
        "postgres": new.store == "postgres",
        "mongo": new.store == "mongo",
        "storeless": new.store == "none",
        "dependency": {"postgres": "work", "mongo": new.noun.plural, "none": ""}[new.store],
        "consumes": new.consumes,
        "publishes": new.publishes,
        "of_orders": any(event.key == "order_id" for event in new.consumes),
        "producer": bool(new.consumes or new.publishes),
        "grpc": grpc,
        "admin": admin,
        "since": f"datetime({', '.join(map(str, since.timetuple()[:6]))}, tzinfo=UTC)",
        "since_date": f"{since:%Y-%m-%d}",
    }


def _refuse_taken(root: Path, noun: Noun, events: Sequence[str]) -> None:
    messages = contract.message_names(root)
    for message in (noun.camel, f"Get{noun.camel}Request", *events):
        if message in messages:
            raise BadName(f"--noun must be another than {noun.snake}: the contract has a message {message}")
    if noun.route in contract.routes(root):
        raise BadName(f"--noun must be another than {noun.snake}: the contract has the path {noun.route}")
