"""One JSON object a line, from structlog and `logging` alike, and no stored values."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import structlog

from services.chassis.plain import logs, trace_context


@pytest.fixture
def out() -> Iterator[list[str]]:
    before = logging.root.handlers[:], logging.root.level
    written: list[str] = []
    logs.configure("shop", "info", written.append)
    yield written
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = before


def _lines(out: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out]


def test_a_line(out: list[str]) -> None:
    log = structlog.get_logger()
    log.debug("too quiet")
    traceparent = trace_context.new()
    with trace_context.using(traceparent):
        log.warning("something", order="o-1", amount=5)
    (line,) = _lines(out)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning", "event": "something", "service": "shop", "order": "o-1", "amount": 5,
        "trace_id": trace_context.trace_id(traceparent),
    }  # fmt: skip


def test_libraries_log_in_the_same_form(out: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_STARTUP_SECONDS", 0.0)
    logging.getLogger("aiokafka").info("too quiet")
    logging.getLogger("aiokafka").error("lost %s", "it")
    (line,) = _lines(out)
    assert (line["level"], line["event"], line["logger"], line["service"]) == ("error", "lost it", "aiokafka", "shop")


def test_repeated_lines_of_a_library_are_not_all_logged(out: list[str]) -> None:
    for _ in range(100):
        logging.getLogger("aiokafka").error("away %s", "it")
        logging.getLogger("asyncpg").error("away %s", "it")
    assert [(line["event"], line["logger"]) for line in _lines(out)] == [
        ("away it", "aiokafka"),
        ("away it", "asyncpg"),
    ]


def _fail() -> None:
    try:
        raise ConnectionError("refused\nDETAIL: ada@example.org")
    except ConnectionError as error:
        raise KeyError("order\nDETAIL: ada@example.org") from error


@pytest.mark.parametrize("how", ["structlog", "structlog given", "logging"])
def test_an_error_has_its_stack_but_no_values_of_rows(out: list[str], how: str) -> None:
    try:
        _fail()
    except KeyError as error:
        match how:
            case "structlog":
                structlog.get_logger().error("failed", exc_info=True)
            case "structlog given":
                structlog.get_logger().error("failed", exc_info=error)
            case _:
                logging.getLogger("lib").exception("failed")
    (line,) = _lines(out)
    assert line["error"].startswith("KeyError: ")
    assert "ConnectionError: refused, then:" in line["stack"]
    assert "in _fail" in line["stack"]


def test_only_the_first_line_of_an_error_is_logged() -> None:
    assert (
        logs.error_text(ValueError("duplicate key\nDETAIL: (email)=(ada@example.org)")) == "ValueError: duplicate key"
    )
    assert logs.error_text(ValueError()) == "ValueError"
    assert len(logs.error_text(ValueError("x" * 10_000))) < 400


class _Taken(asyncpg.UniqueViolationError):  # type: ignore[misc]
    constraint_name = "users_email_key"


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (_Taken('duplicate key value violates unique constraint "users_email_key"'),
         "_Taken: duplicate key value violates unique constraint 23505 users_email_key"),
        (asyncpg.DataError("invalid input for query argument $1: 'ada@example.org' (expected a date)"),
         "DataError: invalid input for query argument $1 22000"),
        (asyncpg.exceptions._base.InterfaceError("invalid input for query argument $2: datetime.date(1815, 12, 10)"),
         "InterfaceError: invalid input for query argument $2"),
        (asyncpg.InvalidTextRepresentationError('invalid input syntax for type uuid: "ada"example.org"'),
         "InvalidTextRepresentationError: invalid input syntax for type uuid 22P02"),
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
         "ConnectionDoesNotExistError: connection was closed in the middle of operation 08003"),
        (RuntimeError("the user 'ada' is unknown: really"), "RuntimeError: the user 'ada' is unknown: really"),
    ],
)  # fmt: skip
def test_of_a_databases_error_no_value_is_logged(error: Exception, logged: str) -> None:
    if isinstance(error, _Taken):
        type(error).__module__ = "asyncpg.exceptions"
    assert logs.error_text(error) == logged


def test_what_is_no_json_is_shown_somehow(out: list[str]) -> None:
    structlog.get_logger().info("odd", value={1, 2}, line="two\nlines")
    (line,) = _lines(out)
    assert (line["value"], line["line"]) == ("{1, 2}", "two\nlines")


def test_stdout_gets_whole_lines(capfd: pytest.CaptureFixture[str]) -> None:
    logs.to_stdout("ünï" * 50_000)
    logs.to_stdout("two")
    assert capfd.readouterr().out.splitlines() == ["ünï" * 50_000, "two"]


def test_a_bound_logger_keeps_what_it_was_given(out: list[str]) -> None:
    structlog.get_logger().bind(group="g").error("lost", topic="t")
    (line,) = _lines(out)
    assert (line["level"], line["group"], line["topic"]) == ("error", "g", "t")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
@pytest.mark.parametrize("threshold", ["debug", "info", "warning", "error"])
def test_every_level_is_logged_from_the_threshold_on(threshold: str, level: str) -> None:
    written: list[str] = []
    logger = logs._logger_for("shop", logging.getLevelNamesMapping()[threshold.upper()])(written.append, [], {})
    getattr(logger, level)("moved", what="it")
    names = ["debug", "info", "warning", "error", "critical"]
    expected = [(level, "it")] if names.index(level) >= names.index(threshold) else []
    assert [(line["level"], line["what"]) for line in _lines(written)] == expected


def test_exception_takes_the_error_at_hand(out: list[str]) -> None:
    try:
        _fail()
    except KeyError:
        structlog.get_logger().exception("failed")
    (line,) = _lines(out)
    assert line["error"].startswith("KeyError: ")


def test_a_prepared_line_is_as_any_other(out: list[str]) -> None:
    line = logs.Line("call", {"rpc": "/shop.v1.Shop/100%", "code": "OK"}, ("duration_ms", "caller", "request_id"))
    line.write(1.25, None, 'a "quoted"\nid, 100%s')
    line.write(0.5, "u-1", "é")
    first, second = _lines(out)
    assert first.pop("time") <= second.pop("time")
    known = {"level": "info", "event": "call", "service": "shop", "rpc": "/shop.v1.Shop/100%", "code": "OK"}
    assert first == {**known, "duration_ms": 1.25, "caller": None, "request_id": 'a "quoted"\nid, 100%s'}
    assert second == {**known, "duration_ms": 0.5, "caller": "u-1", "request_id": "é"}
    assert all("\n" not in line for line in out)


def test_a_prepared_line_follows_the_settings(out: list[str]) -> None:
    line = logs.Line("call", {}, ("caller",))
    line.write("u-1")
    louder: list[str] = []
    logs.configure("other", "warning", louder.append)
    line.write("u-2")
    assert not louder
    logs.configure("other", "info", louder.append)
    line.write("u-3")
    assert len(out) == 1
    assert [(line["service"], line["caller"]) for line in _lines(louder)] == [("other", "u-3")]


def test_what_is_away_when_a_process_begins_is_expected_and_a_warning_later(
    out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.absence("waiting_for_resource", resource="kafka")
    logging.getLogger("aiokafka.consumer").error("no broker")
    logging.getLogger("asyncpg").error("no database")
    monkeypatch.setattr(logs, "_STARTUP_SECONDS", 0.0)
    logs.absence("resource_away", resource="kafka")
    logging.getLogger("aiokafka.consumer").error("no broker still")
    assert [(line["level"], line["event"]) for line in _lines(out)] == [
        ("info", "waiting_for_resource"),
        ("info", "no broker"),
        ("error", "no database"),
        ("warning", "resource_away"),
        ("error", "no broker still"),
    ]


PASSWORD = 'hunter2/?#"\\x@3'
"""With all that ends the user's part of a URL too early, or a string in JSON."""


@pytest.mark.parametrize(
    "line",
    [
        f"cannot connect to postgresql://shop:{PASSWORD}@db.example:5432/shop",
        f"smtps://shop:{PASSWORD}@mail.example refused us, and redis://:{PASSWORD}@cache.example too",
        "host=db.example user=shop password=hunter2 dbname=shop",
        "https://db.example/?user=shop&password=hunter2&ssl=on",
    ],
)
def test_credentials_in_a_url_reach_no_log(out: list[str], line: str) -> None:
    structlog.get_logger().warning("away", url=line, more={"list": [line]})
    logging.getLogger("asyncpg").error(line)
    try:
        raise ValueError(line)
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=True)
        structlog.get_logger().error("failed", error=logs.error_text(error))
    assert len(_lines(out)) == 4
    for line in out:
        assert "hunter2" not in line
        assert "x@3" not in line
        assert ".example" in line


def test_an_address_without_credentials_is_logged_unchanged(out: list[str]) -> None:
    structlog.get_logger().info("fetched", url="https://keys.example/jwks?a=b", note="to ada at 5 @ noon")
    (line,) = _lines(out)
    assert (line["url"], line["note"]) == ("https://keys.example/jwks?a=b", "to ada at 5 @ noon")
