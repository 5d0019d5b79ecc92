"""Every statement on PostgreSQL reads through an index, or has a reason why it reads a whole table or index."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.support.grown_tables import GrownTables
from tests.support.statements import CHASSIS, Statement, postgres_services, statements

PARTS = {
    "services/payment/adapters/payments.py PostgresPayments.page": {
        "conditions": ("user_id = $2", "order_id = $2", "user_id = $2 AND order_id = $3", "user_id = $2 AND id < $3"),
    },
}
"""Parts of statements that the source does not spell out."""

_STRANDED = "payments that wait for a person: the partial index holds no others"
REASONS = {
    "services/chassis/data/postgres_outbox.py ActiveOutbox.unsent": "the partial index holds the backlog alone",
    "services/notification/adapters/messages.py PostgresMessages.counts": "the partial indexes hold unsent mails alone",
    "services/notification/adapters/messages.py PostgresMessages.retry_parked": "by hand, and parked mails alone",
    "services/payment/adapters/stranded.py PostgresStranded.oldest": _STRANDED,
    "services/payment/adapters/stranded.py PostgresStranded.ids": _STRANDED,
    "services/payment/adapters/stranded.py PostgresStranded.counts": _STRANDED,
}
"""Place of a statement → why what it reads whole stays small. An index alone counts as read whole, too."""

_SETTINGS = ("SET ",)
"""Statements without a plan."""

_PAGE = re.compile(r"\b(\w+) [<>] .* ORDER BY \1( DESC)? LIMIT \$\d+$", re.DOTALL)
"""A page of a list: the items that follow one, in the order of a unique column."""


def _planned(owner: str) -> list[Statement]:
    return [one for one in statements(owner, PARTS) if not one.sql.startswith(_SETTINGS)]


@pytest.mark.parametrize("owner", [*postgres_services(), CHASSIS])
def test_no_statement_reads_a_whole_table_without_a_reason(owner: str, grown: Mapping[str, GrownTables]) -> None:
    tables = grown[owner if owner in grown else postgres_services()[0]]  # each database has the chassis' tables
    whole = {one: scans for one in _planned(owner) if (scans := tables.whole_scans(one.sql))}

    assert {one: scans for one, scans in whole.items() if one.place not in REASONS} == {}
    reasons = {place for place in REASONS if place.startswith(f"services/{owner}/")}
    assert reasons == {one.place for one in whole}, "a reason that no statement needs"


@pytest.mark.parametrize("owner", postgres_services())
def test_each_page_begins_in_the_index_where_the_page_before_ended(
    owner: str, grown: Mapping[str, GrownTables]
) -> None:
    pages = {one: page[1] for one in _planned(owner) if (page := _PAGE.search(one.sql.strip()))}

    assert [one for one, column in pages.items() if not grown[owner].reads_from(column, one.sql)] == []


@pytest.mark.parametrize("owner", [*postgres_services(), CHASSIS])
def test_rows_of_a_rare_key_are_not_searched_among_those_of_a_hot_one(
    owner: str, grown_hot: Mapping[str, GrownTables]
) -> None:
    tables = grown_hot[owner if owner in grown_hot else postgres_services()[0]]
    searched = {one: found for one in _planned(owner) if (found := tables.searches(one.sql))}
    assert searched == {}, "tell the planner that a key has few rows, as services/user/migrations/0990 does"


def test_parts_are_of_statements_that_there_are() -> None:
    places = {one.place for owner in postgres_services() for one in statements(owner, PARTS)}
    assert {place for place in PARTS if place.split("/")[1] in postgres_services()} <= places


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT value FROM outbox WHERE topic = $1",
        "SELECT value FROM outbox WHERE topic = $1 ORDER BY position LIMIT $2",
        "SELECT count(*) FROM outbox",
        "SELECT 1 FROM inbox WHERE event_id = $1",
        "DELETE FROM inbox WHERE event_id IN (SELECT id FROM outbox WHERE key = $1)",
        "SELECT subject FROM drifts ORDER BY comparison, looked_at LIMIT 1",
    ],
)
def test_statement_without_an_index_is_found(sql: str, grown: Mapping[str, GrownTables]) -> None:
    assert grown[postgres_services()[0]].whole_scans(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT value FROM outbox WHERE position = $1",
        "SELECT value FROM outbox ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED",
        "DELETE FROM inbox WHERE consumer = $1 AND event_id IN (SELECT id FROM outbox WHERE key = $2)",
        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2)",
    ],
)
def test_statement_with_an_index_passes(sql: str, grown: Mapping[str, GrownTables]) -> None:
    assert grown[postgres_services()[0]].whole_scans(sql) == []
