"""Counts what the edge refused, and whom, from its access log (envoy/access_log.yaml).

Metrics count refusals by reason only. The log has the callers, so this is the place that answers who it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_FROM_SERVICE = "via_upstream"
_MOST_LETTERS = 72


@dataclass
class Refusal:
    """All refusals of one kind."""

    why: str
    """The status, and Envoy's name of the reason."""
    callers: Counter[str] = field(default_factory=Counter)
    """The id of a signed-in person, or else an address → refusals."""


def refusals(lines: Iterable[str]) -> list[Refusal]:
    """The refusals of the edge itself in the lines of a log, the most frequent first. Other lines are ignored."""
    found: dict[str, Refusal] = {}
    for entry in _requests(lines):
        if entry["status"] >= 400 and entry["details"] != _FROM_SERVICE:
            why = f"{entry['status']} {entry['details']}"[:_MOST_LETTERS]
            found.setdefault(why, Refusal(why)).callers[entry["caller"] or entry["client_address"]] += 1
    return sorted(found.values(), key=lambda one: -one.callers.total())


def report(found: list[Refusal], largest: int) -> str:
    """A line for each kind, with its number of callers; below it, the callers with the most refusals."""
    return "".join(line + "\n" for one in found for line in _lines(one, largest)) or "nothing was refused\n"


def _lines(one: Refusal, largest: int) -> Iterator[str]:
    total = one.callers.total()
    yield f"{total:>8}  {one.why}  ({len(one.callers)} {'caller' if len(one.callers) == 1 else 'callers'})"
    for caller, refused in one.callers.most_common(largest):
        yield f"          {refused:>8}  {refused / total:>4.0%}  {caller}"


def _requests(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "request" and isinstance(entry.get("status"), int):
            yield {"details": None, "caller": None, "client_address": None, **entry}
