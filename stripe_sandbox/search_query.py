"""Parses the supported part of Stripe's search language: `metadata["key"]:"value"`, `status:"…"`, `currency:"…"`, AND.

Source: https://docs.stripe.com/search#search-query-language
"""

import re
from dataclasses import dataclass

from stripe_sandbox.errors import invalid_parameter

_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<kq>['"])(?P<key>(?:\\.|(?!(?P=kq))[^\\])+)(?P=kq)\]|(?P<field>status|currency))
    \s*:\s*(?P<vq>['"])(?P<value>(?:\\.|(?!(?P=vq))[^\\])*)(?P=vq)\s*""",
    re.VERBOSE | re.DOTALL,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Query:
    """Conditions that must all hold."""

    metadata: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]


def parse(text: str) -> Query:
    """Parse a query. Raises StripeError (400) on syntax that is not supported."""
    metadata: list[tuple[str, str]] = []
    fields: list[tuple[str, str]] = []
    position = 0
    while clause := _CLAUSE.match(text, position):
        value = _ESCAPE.sub(r"\1", clause["value"])
        if clause["key"] is not None:
            metadata.append((_ESCAPE.sub(r"\1", clause["key"]), value))
        else:
            fields.append((clause["field"], value))
        if clause.end() == len(text):
            return Query(tuple(metadata), tuple(fields))
        conjunction = _AND.match(text, clause.end())
        if conjunction is None:
            break
        position = conjunction.end()
    raise invalid_parameter(
        "query",
        "We were unable to parse your search query. This sandbox knows metadata['key']:'value', status:'value' and "
        "currency:'value', joined by AND.",
    )
