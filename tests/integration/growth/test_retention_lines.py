"""Every table and collection has a line with the retention of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from facts.system import system
from tests.support.grown_tables import GrownTables
from tests.support.statements import ROOT, postgres_services

GROWTH = ROOT / "docs" / "growth.md"
_HEADER = re.compile(r"^\|? ?(table|collection) \|")
_COLLECTION = re.compile(r"\.collection\(\"(\w+)\"\)")


def lines(document: Path) -> set[str]:
    """The names in the first column of each table of tables or collections."""
    names: set[str] = set()
    inside = False
    for line in document.read_text().splitlines():
        inside = bool(_HEADER.match(line)) or (inside and "|" in line)
        if inside:
            names |= set(line.removeprefix("|").partition("|")[0].strip().split(", "))
    return names - {"table", "collection", "---"}


def of_service(name: str) -> set[str]:
    """The names that the service's README has lines for."""
    return lines(ROOT / "services" / name / "README.md")


@pytest.mark.parametrize("service", postgres_services())
def test_every_table_has_its_line(service: str, grown: Mapping[str, GrownTables]) -> None:
    tables = set(grown[service].names)
    assert tables - of_service(service) - lines(GROWTH) == set()
    assert of_service(service) <= tables, "a line without a table"


@pytest.mark.parametrize("service", [one.name for one in system().with_store("mongo")])
def test_every_collection_has_its_line(service: str) -> None:
    sources = (ROOT / "services" / service).rglob("*.py")
    named = {name for path in sources for name in _COLLECTION.findall(path.read_text())}
    assert named == of_service(service)


def test_tables_of_every_service_have_their_lines(grown: Mapping[str, GrownTables]) -> None:
    shared = set.intersection(*(set(tables.names) for tables in grown.values()))
    assert shared <= lines(GROWTH)
