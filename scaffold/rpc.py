"""A new public rpc of a service: about one of the things that the service keeps, for its owner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold import contract, names
from scaffold.edits import Edits, NoPlace
from scaffold.event import known_service
from scaffold.names import BadName, Noun
from scaffold.templates import render

_READS = frozenset({"Get", "Check", "Find"})
_IN_SERVICE = """
  // {comment} That of somebody else is NOT_FOUND.
  rpc {Rpc}({Rpc}Request) returns ({Noun}) {{
    option idempotency_level = {level};
    option (google.api.http) = {http};
    option (argosy.policy.v1.method) = {{access: ACCESS_USER}};
  }}
}}
"""
_REQUEST = """
// Which {word}.
message {Rpc}Request {{
  // The {word}'s id.
  string id = 1 [(buf.validate.field).string.uuid = true];
}}
"""
_METHOD = '''
    async def {Rpc}(self, request: {name}_pb2.{Rpc}Request, call: Call) -> {name}_pb2.{Noun}:
        """{comment}"""
        command = {Rpc}(UUID(request.id), UUID(call.user().id))
        return mapping.{noun}_message(await self.{rpc}(command))
'''
_ROW = """

@row("{Name}Service.{Rpc}")
async def {rpc}(scene: Scene) -> Ask:
    {noun}_id = await stored(scene.shop.stack, uuid.UUID(scene.owner.id))
    return Ask(scene.owner, {{"id": str({noun}_id)}}, {body}answers={{"id": str({noun}_id)}})
"""


def write(root: Path, service: str, name: str) -> Edits:
    """Adds an rpc. A read is Get…, Check… or Find…; else it changes something, and may be repeated.

    Raises BadName, and NoPlace for a service of another form than the skeleton's.
    """
    known_service(root, service)
    names.rpc(name)
    first, *others = names.snake(name).split("_")
    if first in ("create", "list"):
        raise BadName(
            f"RPC must not be a {first}: services/inventory/use_cases shows both (create_product.py with its"
            " idempotency key, list_products.py with its pages)"
        )
    if f"{name}Request" in contract.message_names(root):
        raise BadName(f"RPC must be new: the contract has a message {name}Request")
    noun = _noun(root, service, others)
    is_read = first.capitalize() in _READS
    verbs = [word for word in ([] if is_read else [first]) + others if word not in noun.snake.split("_")]
    if not verbs:
        raise BadName(f"RPC must say what it does besides Get{noun.camel}: not {name}")
    route = f"{noun.route}/{{id}}:{'-'.join(verbs)}"
    said = {
        "name": service,
        "Name": service.capitalize(),
        "rpc": names.snake(name),
        "Rpc": name,
        **noun.spellings(),
        "is_read": is_read,
        "comment": f"{_says(first, is_read=is_read)} one {noun.snake.replace('_', ' ')} of the caller's.",
        "level": "NO_SIDE_EFFECTS" if is_read else "IDEMPOTENT",
        "http": f'{{get: "{route}"}}' if is_read else f'{{\n      post: "{route}"\n      body: "*"\n    }}',
        "body": "" if is_read else "body={}, ",
    }
    edits = Edits(root)
    for path, text in render("rpc", said):
        edits.add(path, text)
    _edit(edits, service, said)
    return edits


def _edit(edits: Edits, service: str, said: Mapping[str, Any]) -> None:
    use_case = f"services.{service}.use_cases.{said['rpc']}"
    proto = f"proto/argosy/{service}/v1/{service}.proto"
    place = rf"^(service {said['Name']}Service \{{\n(?:(?:  .*)?\n)*?)\}}\n"
    edits.replace(proto, place, lambda m: m[1].rstrip("\n") + "\n" + _IN_SERVICE.format(**said), "the rpc")
    edits.append(proto, _REQUEST.format(**said))
    rpc, main = f"services/{service}/entrypoints/rpc.py", f"services/{service}/__main__.py"
    field = f"    {said['rpc']}: {said['Rpc']}Handler\n"
    edits.replace(rpc, r"^\n    async def ", lambda m: f"{field}{m[0]}", "the use case")
    edits.method(rpc, f"{said['Name']}Rpc", _METHOD.format(**said))
    edits.imports(rpc, f"from {use_case} import {said['Rpc']}, {said['Rpc']}Handler")
    edits.argument(main, f"{said['Name']}Rpc", f"{said['rpc']}={said['Rpc']}Handler(work)")
    edits.imports(main, f"from {use_case} import {said['Rpc']}Handler")
    edits.append(f"tests/contract/{service}/who_may_call.yaml", f"{said['Name']}Service/{said['Rpc']}: signed in\n")
    edits.append(f"tests/e2e/rest_rows/{service}.py", _ROW.format(**said))
    served = f"services/{service}/README.md"
    if re.search(rf"`{said['Name']}Service` \(public\): [A-Za-z, ]+\.", edits.text(served)):
        place = rf"(`{said['Name']}Service` \(public\): [A-Za-z, ]+)\."
        edits.replace(served, place, lambda m: f"{m[1]}, {said['Rpc']}.", "the rpc")


def _says(verb: str, *, is_read: bool) -> str:
    return "Answers about" if is_read else names.plural(verb).capitalize()


def _noun(root: Path, service: str, words: list[str]) -> Noun:
    """What the rpc is about: some words of its name that the service keeps. Raises NoPlace."""
    spans = [words[a:b] for a in range(len(words)) for b in range(len(words), a, -1)]
    for span in sorted(spans, key=len, reverse=True):
        noun = Noun("_".join(span))
        module = root / "services" / service / "domain" / f"{noun.plural}.py"
        if module.exists() and f"class Unknown{noun.camel}(" in module.read_text(encoding="utf-8"):
            return noun
    raise NoPlace(
        f"services/{service}/domain has no module for {' '.join(words) or 'it'} with its error Unknown…:"
        " write the use case as services/inventory has them, then its rpc, its row and its line in who_may_call.yaml"
    )
