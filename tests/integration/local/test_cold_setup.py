"""Set-up's own commands in an empty environment, without caches, while an index has newer versions of everything.

Before the rest of a first set-up, which Go and Maven hold to their sums, this is what a newcomer's machine does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.paths import ROOT
from local.ports import HOST
from local.setup.packages import LOCK

NEWER = "999"
_STEPS = """
import sys
from local.paths import VENV
from local.setup.making import make
from local.setup.steps import steps
VENV.mkdir()
sys.exit(not make([step for step in steps() if step.name in ("environment", "installer", "packages")], VENV / "log"))
"""


def _locked() -> dict[str, tuple[str, bool]]:
    """Name → version, and whether every Python on every system gets it."""
    entries = re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)( ;)?", LOCK.read_text())
    return {name: (version, not marker) for name, version, marker in entries}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An index with a newer version of everything that is locked; its listings of directories are what pip reads."""
    root = tmp_path_factory.mktemp("index")
    for name in _locked():
        _wheel(root / name, name)
    with ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}/"
        server.shutdown()


def _wheel(directory: Path, name: str) -> None:
    directory.mkdir()
    stem = f"{name.replace('-', '_')}-{NEWER}"
    with zipfile.ZipFile(directory / f"{stem}-py3-none-any.whl", "w") as wheel:
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def environment(index: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the commands get: no cache of pip's, the index beside the usual one."""
    empty = str(tmp_path_factory.mktemp("cache"))
    return dict(os.environ) | {"PIP_EXTRA_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1", "XDG_CACHE_HOME": empty}


def test_the_index_is_one_to_be_afraid_of(environment: dict[str, str], tmp_path: Path) -> None:
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path), "coverage"]
    subprocess.run(download, env=environment, check=True, capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"coverage-{NEWER}-py3-none-any.whl"]


def test_exactly_what_is_locked_gets_installed(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "local", tmp_path / "local", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(LOCK, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _STEPS], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pip = [str(tmp_path / ".venv" / "bin" / "python"), "-m", "pip"]
    listing = subprocess.run([*pip, "list", "--format=json"], capture_output=True, text=True, check=True).stdout
    installed = {_canonical(entry["name"]): entry["version"] for entry in json.loads(listing)}
    locked = _locked()
    assert installed == {name: version for name, (version, _) in locked.items() if name in installed}
    assert {name for name, (_, everywhere) in locked.items() if everywhere} <= installed.keys()
    asked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout


def _canonical(name: str) -> str:
    """As locks write it: https://packaging.python.org/en/latest/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()
