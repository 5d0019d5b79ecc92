"""The commands, on a stack of their own beside the tests' stack: only the mail sink, which is the quickest to start."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from local import data
from local.paths import PYTHON, ROOT
from local.ports import HOST
from local.stack import Stack
from tests.support.real_stack import stack_of_this_run

PATIENCE_SECONDS = 120


class Beside:
    """A stack in a directory of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.begin(*arguments)[0]

    def begin(self, *arguments: str, count: int = 1) -> list[subprocess.CompletedProcess[str]]:
        """The same command, `count` times at once."""
        environment = dict(os.environ) | self.stack.environment
        command = [str(PYTHON), "-m", "local", *arguments]
        running = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]
        answers = [process.communicate(timeout=PATIENCE_SECONDS) for process in running]
        return [
            subprocess.CompletedProcess(command, process.returncode, *answer)
            for process, answer in zip(running, answers, strict=True)
        ]

    def pid(self, part: str) -> int:
        """The process id of a part, as `status` shows it; 0 when there is none."""
        row = next(line.split() for line in self.run("status").stdout.splitlines() if line.split()[:1] == [part])
        return int(row[2]) if row[1] == "ready" else 0

    def supervisor_pid(self) -> int:
        return int((self.stack.run / "supervisor.pid").read_text())

    def send_mail(self, to: str) -> None:
        with socket.create_connection((HOST, self.stack.port("mail-smtp")), timeout=PATIENCE_SECONDS) as connection:
            lines = connection.makefile("rw", newline="\r\n")
            for printed in (
                None,
                "HELO x",
                "MAIL FROM:<a@example.com>",
                f"RCPT TO:<{to}>",
                "DATA",
                "Subject: hello\n\nbody\n.",
            ):
                if printed:
                    lines.write(printed + "\n")
                    lines.flush()
                assert lines.readline()[0] in "23"

    def subjects(self, to: str) -> list[str]:
        answer = httpx.get(self.stack.url("mail-http", "/messages"), params={"to": to})
        return [message["subject"] for message in answer.json()["messages"]]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder like `tmp_path` whose name is short enough for a socket."""
    with TemporaryDirectory(prefix="argosy-") as path:
        yield Path(path)


@pytest.fixture
def beside(short_path: Path) -> Iterator[Beside]:
    """A stack of the test's own; nothing of it runs yet."""
    own = Beside(Stack(short_path / "data", stack_of_this_run().offset + 300))
    yield own
    own.run("down")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """A stack with the mail sink up, for tests that leave it so."""
    own = Beside(Stack(tmp_path_factory.mktemp("running") / "data", stack_of_this_run().offset + 301))
    assert own.run("up", "mail").returncode == 0
    yield own
    own.run("down")


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_up_again_changes_nothing(running: Beside) -> None:
    before = running.pid("mail")
    again = running.run("up", "mail")
    assert again.returncode == 0
    assert "up already" in again.stdout
    assert running.pid("mail") == before != 0


def test_two_at_once_start_one(beside: Beside) -> None:
    first, second = beside.begin("up", "mail", count=2)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "up already" in first.stdout + second.stdout
    marked = [process for process in psutil.process_iter() if _is_mail(process, beside)]
    assert len(marked) == 1


def _is_mail(process: psutil.Process, beside: Beside) -> bool:
    try:
        return "local.mail" in process.cmdline() and process.environ().get("ARGOSY_DATA") == str(beside.stack.data)
    except psutil.Error:
        return False


def test_a_killed_part_comes_back_with_its_data(running: Beside) -> None:
    running.send_mail("kept@example.com")
    killed = running.pid("mail")
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while running.pid("mail") in (0, killed) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert running.subjects("kept@example.com") == ["hello"]


def test_down_leaves_no_process_and_the_data(beside: Beside) -> None:
    beside.run("up", "mail")
    beside.send_mail("kept@example.com")
    processes = [beside.pid("mail"), beside.supervisor_pid()]
    assert beside.run("down").returncode == 0
    assert [pid for pid in processes if _alive(pid)] == []
    beside.run("up", "mail")
    assert beside.subjects("kept@example.com") == ["hello"]


def test_parts_that_lost_their_supervisor_are_ended_by_down_and_replaced_by_up(beside: Beside) -> None:
    beside.run("up", "mail")
    orphan = beside.pid("mail")
    os.kill(beside.supervisor_pid(), signal.SIGKILL)
    assert beside.run("up", "mail").returncode == 0
    assert not _alive(orphan)
    orphan = beside.pid("mail")
    os.kill(beside.supervisor_pid(), signal.SIGKILL)
    assert beside.run("down").returncode == 0
    assert not _alive(orphan)


def test_a_taken_port_is_named_with_the_part_and_nothing_starts(beside: Beside) -> None:
    with socket.socket() as holder:
        holder.bind((HOST, beside.stack.port("mail-smtp")))
        holder.listen()
        refused = beside.run("up", "mail")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert f"port {beside.stack.port('mail-smtp')}, which mail needs, is taken by {psutil.Process().name()}" in line
    assert not (beside.stack.run / "supervisor.pid").exists()


def test_a_part_that_keeps_ending_is_shown_with_its_log(beside: Beside) -> None:
    broken = beside.run("up", "--set=mail.ARGOSY_PORT_OFFSET=nonsense", "mail")
    assert broken.returncode == 1
    assert re.search(r"^mail +does not start", broken.stdout, re.MULTILINE)
    assert "ARGOSY_PORT_OFFSET must be a whole number" in broken.stdout
    row = next(line.split() for line in beside.run("status").stdout.splitlines() if line.startswith("mail "))
    assert row[1] == "stopped"  # rather than ending for ever while nobody looks


def test_other_ports_for_a_running_stack_are_refused(running: Beside) -> None:
    before = running.pid("mail")
    refused = Beside(Stack(running.stack.data, running.stack.offset + 1)).run("up", "mail")
    assert refused.returncode == 1
    assert "another ARGOSY_PORT_OFFSET" in refused.stderr
    assert running.pid("mail") == before


def test_unknown_parts_and_settings_are_refused_with_what_there_is(beside: Beside) -> None:
    for arguments in (("up", "nonsense"), ("up", "--set=nonsense.A=b"), ("up", "--set=mail")):
        refused = beside.run(*arguments)
        assert refused.returncode == 2
        assert "notification" in refused.stderr
    assert not (beside.stack.run / "supervisor.pid").exists()


def test_reset_deletes_a_stack_but_nothing_else(beside: Beside, tmp_path: Path) -> None:
    beside.run("up", "mail")
    assert beside.run("reset", "--yes").returncode == 0
    assert not beside.stack.data.exists()
    precious = tmp_path / "home" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")
    other = Beside(Stack(precious.parent, beside.stack.offset))
    for command in ("reset", "up"):
        refused = other.run(command)
        assert refused.returncode == 2
        assert str(precious.parent) in refused.stderr
    assert precious.read_text() == "mine"
    assert list(precious.parent.iterdir()) == [precious]


def test_reset_deletes_nothing_unasked(beside: Beside) -> None:
    beside.run("up", "mail")
    before = beside.pid("mail")
    refused = beside.run("reset")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert str(beside.stack.data) in line
    assert "YES=1" in line
    assert beside.pid("mail") == before != 0


@pytest.mark.parametrize(("answer", "deleted"), [("y\n", True), ("yes\n", True), ("\n", False), ("no\n", False)])
def test_reset_does_as_a_person_answers(beside: Beside, answer: str, deleted: bool) -> None:
    data.claim(beside.stack)
    person, terminal = pty.openpty()
    command = [str(PYTHON), "-m", "local", "reset"]
    environment = dict(os.environ) | beside.stack.environment
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=terminal, stdout=subprocess.PIPE) as asked:
        os.close(terminal)
        os.write(person, answer.encode())
        printed, _ = asked.communicate(timeout=PATIENCE_SECONDS)
    os.close(person)
    assert b"[y/N]" in printed
    assert (asked.returncode, beside.stack.data.exists()) == ((0, False) if deleted else (1, True))


def test_nothing_listens_beyond_this_machine(running: Beside) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(running.pid("mail")).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [HOST, HOST]


def test_an_old_python_gets_a_sentence() -> None:
    program = "import sys, runpy; sys.version_info = (3, 8, 0); runpy.run_module('local.setup', run_name='__main__')"
    refused = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Argosy needs Python 3.11 or later")


def test_a_missing_tool_is_named_with_what_to_install(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "local.setup"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert [line.split()[0] for line in refused.stderr.splitlines()] == ["go", "java", "mvn"]
    assert all(": install " in line for line in refused.stderr.splitlines())


def test_down_does_not_mind_who_holds_the_port_of_a_part_that_never_ran(beside: Beside) -> None:
    beside.run("up", "mail")
    with socket.socket() as holder:
        holder.bind((HOST, beside.stack.port("edge")))
        holder.listen()
        down = beside.run("down")
    assert (down.returncode, down.stderr) == (0, "")
