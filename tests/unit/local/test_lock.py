"""What set-up reads of the lock, and that the lock lists all that set-up installs."""

import subprocess
from pathlib import Path

import pytest

from local.paths import PYTHON, ROOT
from local.setup.lock import NotLocked, locked

LOCK = ROOT / "requirements.lock"


def test_a_package_is_its_version_and_its_hashes_alone(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "a==1 \\\n    --hash=sha256:aa\npip==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n    # via x\nz==3\n"
    )
    assert locked("pip", lock) == ["pip==2 \\", "    --hash=sha256:bb \\", "    --hash=sha256:cc"]


def test_a_package_that_is_not_listed_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("a==1\n")
    with pytest.raises(NotLocked, match=r"requirements\.lock does not list pip"):
        locked("pip", lock)


def test_the_installer_is_the_one_of_the_lock() -> None:
    version = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, text=True, check=True).stdout
    assert f"pip=={version.split()[1]} " in locked("pip", LOCK)[0]


def test_nothing_that_an_installed_package_asks_for_is_missing() -> None:
    checked = subprocess.run([PYTHON, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
