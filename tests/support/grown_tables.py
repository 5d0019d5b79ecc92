"""A service's tables, filled with rows, and the plans of statements on them.

The values follow from the types of the columns. Constraints and triggers are switched off, so that rows need not make
sense. Keys, the values of an enumeration, and nulls are distributed evenly; or everything is of one customer, one
product and so on (`hot`), as the statistics of a shop with one bestseller have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

ROWS = 10_000

Plan = Mapping[str, Any]
"""A node of EXPLAIN (FORMAT JSON)."""

_UUID = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_VALUES = {
    "uuid": _UUID,
    "smallint": "n % 100",
    "integer": "n",
    "bigint": "n",
    "numeric": "n % 1000",
    "boolean": "n % 10 = 0",
    "timestamp with time zone": f"now() + (n - {ROWS // 2}) * interval '1 minute'",
    "date": "current_date - n % 20000",
    "bytea": "decode(md5(n::text) || md5(n::text), 'hex')",
    "jsonb": "jsonb_build_object('n', n, 'text', md5(n::text))",
    "text": "md5(n::text)",
    "character varying": "left(md5(n::text), {length})",
    "character": "left('USD', {length})",
    "text[]": "ARRAY[]::text[]",
    "inet": "'127.0.0.1'::inet",
}
"""Type of a column → its value in row n."""
_KEYS = ("uuid", "text", "character varying")
"""Types of keys."""

_COLUMNS = """
SELECT a.attname AS name, a.attnotnull AS required, a.attidentity <> '' AS identity,
       regexp_replace(format_type(a.atttypid, a.atttypmod), '\\([0-9,]+\\)', '') AS type,
       greatest(a.atttypmod - 4, 1) AS length
FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""
_CHECKS = """
SELECT conname, pg_get_constraintdef(oid) AS rule FROM pg_constraint
WHERE conrelid = %s::regclass AND contype = 'c'
"""
_UNIQUE = """
SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index WHERE indrelid = %s::regclass AND indisunique
"""
_TABLES = "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
_INDEXES = """
SELECT index.relname AS name, "table".relname AS of, pg_get_indexdef(indexrelid, 1, true) AS first
FROM pg_index JOIN pg_class index ON index.oid = indexrelid JOIN pg_class "table" ON "table".oid = indrelid
WHERE index.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Index:
    """An index: its table, and what it sorts by first."""

    table: str
    first: str


@dataclass
class GrownTables:
    """The tables of a migrated database, and the plans of statements on them.

    Args:
        connection: a superuser's, in autocommit mode.
    """

    connection: psycopg.Connection[dict[str, Any]]
    indexes: Mapping[str, Index] = field(init=False)

    def __post_init__(self) -> None:
        self.indexes = {row["name"]: Index(row["of"], row["first"]) for row in self.connection.execute(_INDEXES)}

    @property
    def names(self) -> list[str]:
        """The tables of the service and of the chassis; not those of yoyo."""
        names = sorted(row["name"] for row in self.connection.execute(_TABLES))
        return [name for name in names if not name.startswith(("_yoyo", "yoyo"))]

    def fill(self, *, hot: bool = False) -> None:
        """Insert ROWS rows into each table. Raises KeyError for a type of a column that has no value here.

        hot: every key has the same value in all rows, where it need not be unique.
        """
        self.connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
        for table in self.names:
            self._fill(table, hot=hot)
        self.connection.execute("ANALYZE")
        # The plans for few rows of a large table, whatever the estimates of this one: by an index wherever one serves.
        for plan in ("seqscan", "hashjoin", "mergejoin"):
            self.connection.execute(f"SET enable_{plan} = off".encode())

    def bytes_a_row(self, table: str) -> int:
        """The size of a table with its indexes and TOAST, divided by its rows."""
        row = self.connection.execute("SELECT pg_total_relation_size(%s::regclass) AS size", (table,)).fetchone()
        assert row is not None
        return int(row["size"]) // ROWS

    def plan(self, sql: str) -> Plan:
        """The generic plan of a statement with placeholders."""
        row = self.connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}".encode()).fetchone()
        assert row is not None
        plan: Plan = row["QUERY PLAN"][0]["Plan"]
        return plan

    def whole_scans(self, sql: str) -> list[str]:
        """The tables of which a statement reads everything, or an index from end to end."""
        return [table for node in _nodes(self.plan(sql)) if (table := self._read_whole(node)) is not None]

    def searches(self, sql: str) -> list[str]:
        """The tables in which a statement looks at rows one after another until enough have a key.

        They have an index that begins with the key. PostgreSQL prefers another one, whose order a LIMIT asks for, when
        it believes that most rows have any key: it then reads all rows before it finds those of a rare one.
        """
        return [table for node in _nodes(self.plan(sql)) if (table := self._searched(node)) is not None]

    def reads_from(self, column: str, sql: str) -> bool:
        """Whether a statement reads an index from a bound of a column on, in the order of the index."""
        nodes = list(_nodes(self.plan(sql)))
        bound = re.compile(rf"\b{column} [<>] ")
        begins = any(bound.search(_bare(node.get("Index Cond", ""))) for node in nodes)
        return begins and not any("Sort" in node["Node Type"] for node in nodes)

    def _read_whole(self, node: Plan) -> str | None:
        if node["Node Type"] == "Seq Scan":
            return str(node["Relation Name"])
        index = self.indexes.get(node.get("Index Name", ""))
        if index is None or _bare(index.first) in _bare(node.get("Index Cond", "")) or _ends_early(node):
            return None
        return f"{index.table} ({node['Index Name']})"

    def _searched(self, node: Plan) -> str | None:
        keys = set(re.findall(r"\b(\w+) = ", _bare(node.get("Filter", ""))))
        index = self.indexes.get(node.get("Index Name", ""))
        if index is None or not node["Limited"] or " = " in node.get("Index Cond", ""):
            return None
        begun = {_bare(other.first) for other in self.indexes.values() if other.table == index.table}
        return f"{index.table} ({node['Index Name']})" if keys & begun else None

    def _fill(self, table: str, *, hot: bool) -> None:
        checks = list(self.connection.execute(_CHECKS, (table,)))
        for check in checks:
            self.connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{check["conname"]}"'.encode())
        rules = [check["rule"] for check in checks]
        columns = [row for row in self.connection.execute(_COLUMNS, (table,)) if not row["identity"]]
        definitions = [row["definition"] for row in self.connection.execute(_UNIQUE, (table,))]
        unique = {word for one in definitions for word in re.findall(r"\w+", one.partition(" USING ")[2])}
        names = ", ".join(f'"{row["name"]}"' for row in columns)
        values = ", ".join(
            _value(row, rules, number="1" if hot and row["type"] in _KEYS and row["name"] not in unique else "n")
            for row in columns
        )
        self.connection.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {ROWS}) n".encode()
        )


def _value(column: Mapping[str, Any], rules: list[str], number: str) -> str:
    allowed = _allowed(column["name"], rules)
    value = _VALUES[column["type"]].format(length=min(column["length"], 32))
    if allowed and column["type"] != "text[]":
        value = f"(ARRAY[{', '.join(allowed)}])[n % {len(allowed)} + 1]"
    else:
        value = re.sub(r"\bn\b", number, value)
    return value if column["required"] else f"CASE WHEN n % 2 = 0 THEN {value} END"


def _allowed(column: str, rules: list[str]) -> list[str]:
    """The values of an enumeration."""
    for rule in rules:
        begin = rf"CHECK \(\(+{column}\)?(?:::text)? = (?:ANY \(+ARRAY)?\[?"
        if listed := re.fullmatch(rf"{begin}(('[^']*'::text(, )?)+)\W*", rule):
            return re.findall(r"'[^']*'", listed[1])
    return []


def _bare(expression: str) -> str:
    """An expression without what PostgreSQL prints in one place and not in another."""
    return re.sub(r'[()"]| COLLATE "C"', "", expression)


def _nodes(plan: Plan, limited: bool = False) -> Iterator[Plan]:
    """All nodes of a plan, each with whether a LIMIT ends it."""
    yield {**plan, "Limited": limited}
    # A sort, an aggregate and a join read their input whole.
    ends = plan["Node Type"] == "Limit" or (limited and plan["Node Type"] in ("LockRows", "Result", "Subquery Scan"))
    for child in plan.get("Plans", ()):
        yield from _nodes(child, ends)


def _ends_early(node: Plan) -> bool:
    """Whether it reads no more rows than a LIMIT lets through."""
    return bool(node["Limited"]) and "Filter" not in node
