"""Lines of a log, whoever wrote them."""

import io
import os
from pathlib import Path

import pytest

from local.commands.logs import _Followed, logs
from local.log_lines import RAW, LogLine, read
from local.stack import Stack

EXAMPLES = [
    (
        "order",
        '{"time":"2026-11-29T01:48:12.845+00:00","level":"warning","event":"away","service":"order","error":"x"}',
        LogLine("order", "2026-11-29T01:48:12.845", "warning", "away", {"error": "x"}),
    ),
    (
        "edge",
        '{"cluster_name":"user","timestamp":"2026-11-29T01:48:10.960Z","health_check_failure_event":{"failure":"NETWORK"}}',
        LogLine("edge", "2026-11-29T01:48:10.960", "info", "health_check_failure_event", {"cluster": "user"}),
    ),
    (
        "postgres",
        "2026-11-29 01:48:12.744 UTC [17787] LOG:  starting PostgreSQL",
        LogLine("postgres", "2026-11-29T01:48:12.744", "info", "starting PostgreSQL"),
    ),
    (
        "postgres",
        '2026-11-29 01:48:12.944 UTC [18516] FATAL:  password authentication failed for user "inventory"',
        LogLine("postgres", "2026-11-29T01:48:12.944", "info", 'password authentication failed for user "inventory"'),
    ),
    (
        "postgres",
        "2026-11-29 01:48:12.944 UTC [18516] PANIC:  could not write to the log",
        LogLine("postgres", "2026-11-29T01:48:12.944", "panic", "could not write to the log"),
    ),
    (
        "kafka",
        "2026-11-29T01:48:20.123Z [main] WARN kafka.log - [Broker] is slow",
        LogLine("kafka", "2026-11-29T01:48:20.123", "warning", "[Broker] is slow", {"logger": "kafka.log"}),
    ),
    (
        "ferretdb",
        "2026/11/29 01:48:03 INFO Listening on TCP",
        LogLine("ferretdb", "2026-11-29T01:48:03.000", "info", "Listening on TCP"),
    ),
    (
        "ferretdb",
        "2026/11/29 01:48:04 ERROR No more connections",
        LogLine("ferretdb", "2026-11-29T01:48:04.000", "error", "No more connections"),
    ),
    ("ferretdb", "2026/11/29 02:30:02 WARN Response message:", None),
    ("ferretdb", '    "errmsg": "no such command"', None),
    (
        "edge",
        '{"time":"2026-11-29T02:30:01.170+0000","level":"warning","event":"caught ENVOY_SIGTERM","logger":"main"}',
        LogLine("edge", "2026-11-29T02:30:01.170", "info", "caught ENVOY_SIGTERM", {"logger": "main"}),
    ),
    (
        "supervisor",
        "2026-11-29 02:30:07,489 WARN stopped: kafka (exit status 143)",
        LogLine("supervisor", "2026-11-29T02:30:07.489", "info", "stopped: kafka (exit status 143)"),
    ),
    (
        "supervisor",
        "2026-11-29 01:48:03,061 WARN exited: order (exit status 1; not expected)",
        LogLine("supervisor", "2026-11-29T01:48:03.061", "warning", "exited: order (exit status 1; not expected)"),
    ),
    ("order", "Traceback (most recent call last):", LogLine("order", "", RAW, "Traceback (most recent call last):")),
    ("order", '{"time": cut', LogLine("order", "", RAW, '{"time": cut')),
]


@pytest.mark.parametrize(("part", "text", "line"), EXAMPLES)
def test_a_line_of_each_form(part: str, text: str, line: LogLine | None) -> None:
    assert read(part, text) == line


def _write(path: Path, *seconds: int) -> None:
    with path.open("a") as file:
        for second in seconds:
            file.write(f'{{"time":"2026-01-01T00:00:0{second}.000Z","level":"info","event":"e{second}"}}\n')


def test_parts_are_shown_together_in_the_order_of_time_one_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(tmp_path, 0)
    stack.logs.mkdir()
    _write(stack.logs / "order.log", 1, 4)
    _write(stack.logs / "payment.log", 2, 3)
    assert logs(stack, [], follow=False) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[1], line[-1]) for line in shown] == [
        ("00:00:01.000", "order", "e1"),
        ("00:00:02.000", "payment", "e2"),
        ("00:00:03.000", "payment", "e3"),
        ("00:00:04.000", "order", "e4"),
    ]
    assert logs(stack, ["order"], as_json=True, follow=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        '{"time": "2026-01-01T00:00:01.000", "part": "order", "level": "info", "event": "e1"}',
        '{"time": "2026-01-01T00:00:04.000", "part": "order", "level": "info", "event": "e4"}',
    ]


def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "order.log"
    _write(path, 1)
    followed = _Followed(path)
    assert [line.event for line in followed.new()] == ["e1"]
    assert followed.new() == []
    _write(path, 2)
    path.rename(tmp_path / "order.log.1")
    _write(path, 3)
    assert [line.event for line in followed.new()] == ["e2", "e3"]
    with path.open("a") as file:
        file.write('{"time":"2026-01-01T00:00:04.000Z","event":')
        file.flush()
        assert followed.new() == []
        file.write('"e4"}\nhalf\n')
    assert [(line.event, line.time[-5:]) for line in followed.new()] == [("e4", "4.000"), ("half", "4.000")]
    followed.close()


def test_a_pipe_that_is_closed_ends_it_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(tmp_path, 0)
    stack.logs.mkdir()
    _write(stack.logs / "order.log", *range(9))
    read_end, write_end = os.pipe()
    os.close(read_end)
    with io.TextIOWrapper(os.fdopen(write_end, "wb", buffering=0), write_through=True) as broken:
        monkeypatch.setattr("sys.stdout", broken)
        assert logs(stack, [], follow=False) == 0
