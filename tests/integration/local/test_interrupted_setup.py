"""Set-up in a scratch copy, with an index that takes connections and never answers: there a person loses patience."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.paths import ROOT
from local.ports import HOST

_INSTALLER = "Installer (the pip of the lock) …\n"
_PATIENCE_SECONDS = 60
"""A refusal comes at once; set-up that goes on waits for the index for ever."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "local", tmp_path / "local", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock", "requirements.runtime.lock"):
        shutil.copy2(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def silent_index() -> Iterator[str]:
    with socket.create_server((HOST, 0)) as server:
        yield f"http://{HOST}:{server.getsockname()[1]}/simple"


@pytest.fixture
def listens_to_interrupts() -> Iterator[None]:
    """Programs that the test starts end by Ctrl-C. A shell starts a run in the background (`pytest &`) with SIGINT
    ignored; whatever the run starts inherits that, and only a signal with a handler is back at its default after exec.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _interrupt_at(line: str, clone: Path, index: str) -> tuple[int, list[str], str]:
    """Run set-up, press Ctrl-C when it prints the line; the exit code, the lines before it, and its errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "local.setup"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        before = []
        for printed in process.stdout:
            if printed == line:
                break
            before.append(printed)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        return process.wait(), before, process.stderr.read()


@pytest.mark.usefixtures("listens_to_interrupts")
def test_an_interrupted_set_up_prints_a_line_and_goes_on_the_next_time(clone: Path, silent_index: str) -> None:
    code, before, complaint = _interrupt_at(_INSTALLER, clone, silent_index)
    assert (code, complaint.count("\n")) == (130, 1)
    assert complaint.startswith("Interrupted. ")
    assert before[0] == "Python environment …\n"
    code, before, complaint = _interrupt_at(_INSTALLER, clone, silent_index)
    assert (code, before, complaint.count("\n")) == (130, [], 1)


def test_another_python_than_the_one_that_made_the_environment_changes_nothing(clone: Path, silent_index: str) -> None:
    environment = clone / ".venv"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.7\n")
    done = subprocess.run(
        [sys.executable, "-m", "local.setup"],
        cwd=clone,
        env=os.environ | {"PIP_INDEX_URL": silent_index},
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert ".venv was created by Python 3.10, but this is Python 3." in done.stderr
    assert [path.name for path in environment.iterdir()] == ["pyvenv.cfg"]
