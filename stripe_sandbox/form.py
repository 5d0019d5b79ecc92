"""Form decoding: Stripe's nested keys (`metadata[order_id]=…`, `expand[0]=…`, `expand[]=…`) into a tree.

A tree has text at its leaves and dictionaries above. A list stays a dictionary of its indices here: only the meaning
of the parameter decides whether `x[0]` is the first of a list or an entry named "0" (as in metadata).
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

Tree = str | dict[str, "Tree"]

_DEEPEST = 8
_MOST_FIELDS = 1_000
_INDEX = re.compile(r"[0-9]{1,4}")


class MalformedForm(Exception):
    """The body or query string is not a form in Stripe's notation."""


def decode(encoded: str) -> dict[str, Tree]:
    """Decode a form or a query string. For a repeated key the last value counts.

    Raises MalformedForm on bytes that are not UTF-8, unbalanced brackets, too many fields, and a key that is used both
    as a value and as a parent.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise MalformedForm(f"The request's parameters cannot be read: {error}") from error
    return build(pairs)


def build(pairs: Iterable[tuple[str, str]]) -> dict[str, Tree]:
    """Build the tree from decoded key and value pairs. Raises MalformedForm as `decode` does."""
    root: dict[str, Tree] = {}
    for key, value in pairs:
        _insert(root, split_key(key), value, key)
    return root


def split_key(key: str) -> list[str]:
    """`a[b][]` → `["a", "b", ""]`. Raises MalformedForm if the brackets are unbalanced."""
    name, bracket, rest = key.partition("[")
    path = [name]
    if bracket:
        if not rest.endswith("]"):
            raise MalformedForm(f"Invalid parameter name: {key}")
        path += rest[:-1].split("][")
    if not name or len(path) > _DEEPEST or any("[" in part or "]" in part for part in path):
        raise MalformedForm(f"Invalid parameter name: {key}")
    return path


def items_of(tree: Tree) -> list[Tree]:
    """A list's elements in order of their indices. Raises MalformedForm if the tree is not a list."""
    if not isinstance(tree, dict) or not all(_INDEX.fullmatch(index) for index in tree):
        raise MalformedForm("Invalid array")
    return [tree[index] for index in sorted(tree, key=int)]


def _insert(root: dict[str, Tree], path: list[str], value: str, key: str) -> None:
    node = root
    for part in path[:-1]:
        child = node.setdefault(_name_in(node, part), {})
        if not isinstance(child, dict):
            raise MalformedForm(f"Invalid parameter name: {key} is used both as a value and as a parent")
        node = child
    last = _name_in(node, path[-1])
    if isinstance(node.get(last), dict):
        raise MalformedForm(f"Invalid parameter name: {key} is used both as a value and as a parent")
    node[last] = value


def _name_in(node: Mapping[str, Tree], part: str) -> str:
    """The name of a part; an empty one (`x[]`) is the next free index."""
    return part or str(1 + max((int(index) for index in node if _INDEX.fullmatch(index)), default=-1))
