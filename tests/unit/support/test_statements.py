"""Statements are read from the source, and one that cannot be read is an error."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.statements import Parts, Unreadable, of_module


def read(source: str, parts: Parts | None = None) -> list[str]:
    source = textwrap.dedent(source)
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - written below
    return [one.sql for one in of_module(Path("module.py"), source, namespace, parts or {})]


def test_literals_constants_and_variables_are_read() -> None:
    source = """
    COLUMNS = "id, name"
    NAMED = f"SELECT {COLUMNS} FROM named"

    async def find(connection, flag):
        await connection.fetch(f"SELECT {COLUMNS} FROM things" + " WHERE id = $1", 1)
        await connection.fetchrow(NAMED)
        order = "ASC" if 1 else "DESC"
        order = "DESC"
        await connection.fetchval(f"SELECT 1 ORDER BY 1 {order}")
    """
    assert read(source) == [
        "SELECT id, name FROM things WHERE id = $1",
        "SELECT id, name FROM named",
        "SELECT 1 ORDER BY 1 ASC",
        "SELECT 1 ORDER BY 1 DESC",
    ]


def test_parameter_of_a_private_function_has_the_values_of_its_calls() -> None:
    source = """
    async def one(connection):
        await _run(connection, "DELETE FROM one")

    async def two(connection):
        await _run(connection, "DELETE FROM two")

    async def _run(connection, statement):
        await connection.execute(statement)
    """
    assert read(source) == ["DELETE FROM one", "DELETE FROM two"]


def test_attribute_has_the_values_of_the_subclasses() -> None:
    source = """
    class Rows:
        async def clear(self):
            await self.connection.execute(f"DELETE FROM {self.table}")

    class Ones(Rows):
        table = "ones"

    class Twos(Rows):
        table = "twos"
    """
    assert read(source) == ["DELETE FROM ones", "DELETE FROM twos"]


def test_parts_are_the_values_of_a_variable() -> None:
    source = """
    async def find(connection, wanted):
        conditions = " AND ".join(wanted)
        await connection.fetch(f"SELECT 1 FROM things WHERE {conditions}")
    """
    assert read(source, {"module.py find": {"conditions": ("a = $1", "b = $1")}}) == [
        "SELECT 1 FROM things WHERE a = $1",
        "SELECT 1 FROM things WHERE b = $1",
    ]
    with pytest.raises(Unreadable, match="find"):
        read(source)


def test_method_that_passes_its_argument_on_is_no_statement() -> None:
    source = """
    class Postgres:
        async def fetch(self, query, *arguments):
            return await self.connection.fetch(query, *arguments)
    """
    assert read(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "async def run(connection, statement):\n await connection.execute(statement)",
        "async def _run(connection, statement):\n await connection.execute(statement)",
        "async def _run(c, sql):\n await c.execute(sql)\nasync def run(c):\n await _run(c, sql='SET a')",
        "async def run(connection, more):\n sql = 'SET a'\n sql += more\n await connection.execute(sql)",
        "async def run(connection, tables):\n for sql in tables:\n  await connection.execute(sql)",
        "async def run(connection):\n fetch = connection.fetch\n await fetch('SELECT 1 FROM things')",
        "async def run(connection):\n await connection.copy_from_query('SELECT 1 FROM things')",
        "run = lambda connection: connection.fetch(f'SELEC{1}')",
    ],
)
def test_statement_that_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(Unreadable):
        read(source)
