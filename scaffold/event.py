"""A new event of a service that publishes already, and a new consumer of somebody else's event."""

from __future__ import annotations

import re
from pathlib import Path

from facts import system as facts
from scaffold import contract, names
from scaffold.contract import Event
from scaffold.edits import Edits, NoPlace
from scaffold.names import BadName
from scaffold.templates import render

_MESSAGE = """
// {sentence} Key: the {about}'s id.
message {message} {{
  option (argosy.policy.v1.event) = {{
    type: "{type}"
    topic: "{topic}"
  }};
  // The {about}'s id.
  string {key} = 1;
}}
"""
_FACT = '''@dataclass(frozen=True)
class {message}:
    """{sentence}"""

    {key}: {key_type}


'''
_CASE = """        case {message}({key}):
            {snake} = {module}.{message}({key}={key_text})
            return Outgoing({snake}, key={key_text}, subject={key_text})
"""


def publish(root: Path, service: str, event_type: str) -> Edits:
    """An event beside those that the service has, under the same key. Raises BadName, NoPlace."""
    known = contract.events(root)
    names.event(event_type)
    if event_type in known:
        raise BadName(f"EVENT must be new: {known[event_type].publisher} publishes {event_type}")
    own = [event for event in known.values() if event.publisher == known_service(root, service)]
    if not own:
        raise BadName(f"{service} publishes nothing yet: give it facts and an outbox as services/inventory has them")
    key = own[0].key
    event = Event(event_type, own[0].topic, own[0].module, key)
    if event.message in contract.message_names(root):
        raise BadName(f"EVENT must be another than {event_type}: the contract has a message {event.message}")
    edits = Edits(root)
    said = {
        "type": event.type,
        "topic": event.topic,
        "message": event.message,
        "sentence": event.sentence,
        "snake": event.snake,
        "module": event.module,
        "key": key,
        "key_type": event.key_type,
        "key_text": key if event.key_type == "str" else f"str({key})",
        "about": key.removesuffix("_id").replace("_", " "),
    }
    edits.append(event.proto, _MESSAGE.format(**said))
    domain, adapter = f"services/{service}/domain/facts.py", f"services/{service}/adapters/facts.py"
    edits.replace(domain, r"^Fact = (.*)$", lambda m: f"{_FACT.format(**said)}{_union(m, event.message)}", "the fact")
    edits.imports(domain, "from dataclasses import dataclass", *_uuid(event))
    edits.replace(adapter, r"^    assert_never\(fact\)$", lambda m: f"{_CASE.format(**said)}{m[0]}", "the event's case")
    edits.imports(
        adapter,
        f"from argosy.event.v1 import {event.module}",
        f"from services.{service}.domain.facts import {event.message}",
    )
    _test_of_fact(root, edits, service, event)
    _in_readme(edits, service, r"(\*\*Publishes\*\* on [a-z]+-events: [A-Z_, ]*[A-Z])", event_type)
    return edits


def consume(root: Path, service: str, event_type: str) -> Edits:
    """A use case that applies somebody else's event. Raises BadName, NoPlace."""
    one = facts.read(root)[known_service(root, service)]
    if "-" in event_type:
        raise BadName(f"EVENT must be one event, such as ORDER_STATUS_UPDATED: not {event_type!r}")
    event = _known_event(root, event_type)
    if event.publisher == service:
        raise BadName(f"EVENT must be another service's: {service} publishes {event.type}")
    if event.type in one.consumes:
        raise BadName(f"EVENT must be another: {service} consumes {event.type}")
    if one.store.kind != "postgres" or not one.consumes:
        raise NoPlace(
            f"services/{service} consumes nothing yet, or not by a unit of work: do as services/inventory does"
        )
    edits = Edits(root)
    values = {"name": service, "Name": service.capitalize(), "publishes": one.topic is not None}
    for path, text in render("consumer", {**values, "postgres": True, "mongo": False, "storeless": False}, [event]):
        edits.add(path, text)
    consumed = r"^consumes:(?: \[(.*)\]|((?:\n  - .*)+))$"
    facts_file = f"services/{service}/service.yaml"
    edits.replace(facts_file, consumed, lambda m: _listed(m, event.type), "the event")
    _hand_over(edits, service, event)
    _in_readme(edits, service, r"(\*\*Consumes\*\* as [a-z]+-service-group: [A-Z_, ]*[A-Z])", event.type)
    return edits


def _hand_over(edits: Edits, service: str, event: Event) -> None:
    """Has the table of handlers hand the event to its use case."""
    consumers, main = f"services/{service}/entrypoints/consumers.py", f"services/{service}/__main__.py"
    apply, command = f"apply_{event.snake}", f"Apply{event.message}"
    use_case = f"services.{service}.use_cases.{apply}"
    field = f"    {apply}: {command}Handler\n"
    edits.replace(consumers, r"^\n    def handlers\(self\)", lambda m: f"{field}{m[0]}", "the use case")
    entry = f'"{event.type}": self._{event.snake}'
    table = r"^        return \{[^}]*?(?=,?\s*\}$)"
    edits.replace(consumers, table, lambda m: f"{m[0]}, {entry}", "the handler")
    method = f"""
    async def _{event.snake}(self, event: Event) -> None:
        message = cast({event.message}, event.message)
        await self.{apply}({command}(event.id, {event.key_value}))
"""
    edits.method(consumers, "Consumers", method)
    edits.imports(
        consumers,
        f"from argosy.event.v1.{event.module} import {event.message}",
        f"from {use_case} import {command}, {command}Handler",
        *_uuid(event),
    )
    edits.argument(main, "Consumers", f"{apply}={command}Handler(work)")
    edits.imports(main, f"from {use_case} import {command}Handler")


def _uuid(event: Event) -> list[str]:
    return ["from uuid import UUID"] if event.key_type == "UUID" else []


def known_service(root: Path, name: str) -> str:
    """A service that there is. Raises BadName."""
    known = facts.read(root).names
    if name not in known:
        raise BadName(f"SERVICE must be one of {', '.join(known)}: not {name!r}")
    return name


def _known_event(root: Path, event_type: str) -> Event:
    known = contract.events(root)
    if event_type not in known:
        raise BadName(f"EVENT must be one of {', '.join(sorted(known))}: not {event_type!r}")
    return known[event_type]


def _union(match: re.Match[str], message: str) -> str:
    return f"Fact = {message} | {match[1]}" if match[1].startswith("(") else f"{match[0]} | {message}"


def _listed(match: re.Match[str], event_type: str) -> str:
    return f"consumes: [{match[1]}, {event_type}]" if match[1] else f"{match[0]}\n  - {event_type}"


def _test_of_fact(root: Path, edits: Edits, service: str, event: Event) -> None:
    path = f"tests/unit/{service}/test_facts.py"
    if (root / path).exists():
        case = f'        ({event.message}(ID), "{event.type}"),\n'
        edits.replace(path, r"^    \],\n", lambda m: f"{case}{m[0]}", "the fact")
        edits.imports(path, f"from services.{service}.domain.facts import {event.message}")


def _in_readme(edits: Edits, service: str, place: str, event_type: str) -> None:
    """Adds it to a plain list; a table or prose is a person's."""
    path = f"services/{service}/README.md"
    if re.search(place, edits.text(path)):
        edits.replace(path, place, lambda m: f"{m[1]}, {event_type}", "the event")
