"""The check of the locks sees what it is for. uv asks the index only for what it has not seen before."""

import re
import shutil
from pathlib import Path

import pytest

from gates.locks import PLATFORMS, PYTHONS, disagreeing, lacking, stale
from local.paths import ROOT
from local.setup.packages import LOCK, RUNTIME_LOCK


def _without(package: str, lock: Path, directory: Path) -> Path:
    text = re.sub(rf"(?ms)^{package}==.*?^(?=\S)", "", lock.read_text())
    assert text != lock.read_text()
    copy = directory / lock.name
    copy.write_text(text)
    return copy


@pytest.mark.parametrize("lock", [LOCK, RUNTIME_LOCK], ids=lambda lock: str(lock.name))
def test_a_lock_is_enough_by_itself(lock: Path) -> None:
    assert lacking(lock, PYTHONS[0], PLATFORMS[0]) == ""


@pytest.mark.parametrize(
    ("lock", "package"),
    [(LOCK, "coverage"), (LOCK, "attrs"), (RUNTIME_LOCK, "opentelemetry-api")],
    ids=["what an extra asks for", "what a package asks for", "of the image's"],
)
def test_a_package_that_is_left_out_is_named(lock: Path, package: str, tmp_path: Path) -> None:
    assert f"`{package}`" in lacking(_without(package, lock, tmp_path), PYTHONS[0], PLATFORMS[0])


def test_a_python_that_a_package_has_no_wheel_for_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("".join(re.findall(r"(?m)^asyncpg==[\s\S]*?^(?=\S)", LOCK.read_text())))
    assert lacking(lock, PYTHONS[0], PLATFORMS[0]) == ""
    assert "asyncpg" in lacking(lock, "3.99", PLATFORMS[0])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", LOCK.name, RUNTIME_LOCK.name):
        shutil.copy2(ROOT / name, tmp_path)
    return tmp_path


def test_what_make_lock_made_is_up_to_date(project: Path) -> None:
    assert list(stale(project)) == []


def test_a_dependency_that_came_without_make_lock_is_seen(project: Path) -> None:
    file = project / "pyproject.toml"
    file.write_text(file.read_text().replace("dependencies = [\n", 'dependencies = [\n    "hypothesis",\n', 1))
    assert f"{RUNTIME_LOCK.name} is not what pyproject.toml asks for: run `make lock`" in list(stale(project))


def test_two_locks_with_two_versions_of_a_package_disagree() -> None:
    whole = LOCK.read_text()
    assert list(disagreeing(whole, RUNTIME_LOCK.read_text())) == []
    other = re.sub(r"(?m)^attrs==\S+", "attrs==1.0", whole)
    assert [line.split(":")[0] for line in disagreeing(other, RUNTIME_LOCK.read_text())] == [
        f"{RUNTIME_LOCK.name} has attrs {_version('attrs')}, {LOCK.name} has not"
    ]


def _version(package: str) -> str:
    found = re.search(rf"(?m)^{package}==(\S+)", LOCK.read_text())
    assert found is not None
    return found[1]
