"""Reads older versions of a fact as the newest: steps (upcasters), each from one version to the next.

A version counts the shapes of one type of fact, from 1. A newer version only adds fields; it keeps the older ones and
their meaning. So a reader of an older version reads a newer one as it is, and ignores the fields it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

D = TypeVar("D")

Upcasters = Mapping[tuple[str, int], Callable[[D], D]]
"""(type of fact, version n) → a pure function that makes version n + 1 of a document of version n.

A version without a step is read as it is: the reader's default for the new field is right.
"""

FIRST = 1
"""The version of a fact that states none."""


def upcast(upcasters: Upcasters[D], fact_type: str, version: int, newest: int, document: D) -> D:
    """The document as the newest version. One that is as new or newer is returned unchanged."""
    for older in range(version, newest):
        step = upcasters.get((fact_type, older))
        document = document if step is None else step(document)
    return document
