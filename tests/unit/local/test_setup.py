"""Set-up does a step again exactly when what it was made from has changed, and trusts nothing that it did not check."""

import hashlib
import json
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from gates.locks import PYTHONS
from local.paths import ROOT
from local.setup import step as step_module
from local.setup import web
from local.setup.checksums import WrongChecksums, verify
from local.setup.interpreter import refusal
from local.setup.making import make
from local.setup.step import Step


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(step_module, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(step_module, "ROOT", tmp_path)
    path = tmp_path / "source"
    path.write_text("one")
    return path


def _step(source: Path, word: str = "") -> Step:
    return Step("name", "title", lambda log: None, lambda: [source, word], (source.with_name("product"),))


def test_a_step_is_done_once_recorded_with_its_product_there(source: Path) -> None:
    assert not _step(source).done()
    _step(source).record()
    assert not _step(source).done()
    source.with_name("product").touch()
    assert _step(source).done()


def test_two_runs_at_once_make_a_step_once(source: Path) -> None:
    """As when two workers of the tests need the same tool."""
    began, runs = Event(), []

    def slow(_: IO[str]) -> None:
        runs.append(began.wait(0.2))  # time for the other run, which must not get this far
        source.with_name("product").write_text("made")

    step = replace(_step(source), run=slow, products=(source.with_name("product"),))
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: make([step], source.with_name("log")), range(2)))
    assert (made, len(runs)) == ([True, True], 1)


def test_a_changed_input_undoes_a_step(source: Path) -> None:
    source.with_name("product").touch()
    _step(source).record()
    assert not _step(source, word="other").done()
    source.write_text("two")
    assert not _step(source).done()


@pytest.fixture
def jars(tmp_path: Path) -> tuple[Path, Path]:
    directory = tmp_path / "jars"
    directory.mkdir()
    (directory / "a.jar").write_bytes(b"a")
    sums = tmp_path / "jars.sha256"
    sums.write_text(f"{hashlib.sha256(b'a').hexdigest()}  a.jar\n")
    return directory, sums


def test_the_listed_files_pass(jars: tuple[Path, Path]) -> None:
    verify(*jars)


@pytest.mark.parametrize(("name", "content"), [("a.jar", b"changed"), ("b.jar", b"not listed")])
def test_a_changed_or_unlisted_file_is_named(jars: tuple[Path, Path], name: str, content: bytes) -> None:
    (jars[0] / name).write_bytes(content)
    with pytest.raises(WrongChecksums, match=name):
        verify(*jars)


def test_a_missing_file_is_named(jars: tuple[Path, Path]) -> None:
    (jars[0] / "a.jar").unlink()
    with pytest.raises(WrongChecksums, match=r"a\.jar"):
        verify(*jars)


@pytest.mark.parametrize(
    ("made_by", "this", "refused"),
    [
        (None, (3, 11), None),
        ("3.11.7", (3, 11), None),
        ("3.11.7", (3, 13), "make PYTHON=python3.11 …), or delete .venv"),
        ("3.13.0rc1", (3, 11), "make PYTHON=python3.13 …), or delete .venv"),
        (None, (3, 15), "make PYTHON=python3.14 setup"),
    ],
)
def test_an_environment_goes_on_with_the_python_that_made_it(
    tmp_path: Path, made_by: str | None, this: tuple[int, int], refused: str | None
) -> None:
    venv = tmp_path / ".venv"
    venv.mkdir()
    if made_by:
        (venv / "pyvenv.cfg").write_text(
            f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {made_by}\n"
        )
    complaint = refusal(venv, this)
    assert (complaint is None) == (refused is None)
    assert refused is None or (refused in str(complaint) and "\n" not in str(complaint))


def test_the_supported_pythons_are_those_that_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [f"Programming Language :: Python :: {version}" for version in PYTHONS] == project["classifiers"]
    assert project["requires-python"] == f">={PYTHONS[0]}"


def test_a_step_announces_its_duration(source: Path) -> None:
    assert _step(source).announced == "title"
    assert replace(_step(source), minutes=3).announced == "title (about 3 min, once)"


def test_the_web_app_is_built_again_when_its_sources_or_the_contract_change() -> None:
    (_, build) = web.steps()
    inputs = {str(item.relative_to(ROOT)) for item in build.inputs() if isinstance(item, Path)}
    assert inputs >= {
        "proto/argosy/user/v1/user.proto", "buf.yaml", "web/app/src/index.html", "web/app/package-lock.json",
        "web/app/build.mjs", "requirements.lock",
    }  # fmt: skip
    assert not [
        path for path in inputs if path.startswith(("web/app/node_modules/", "web/app/dist/", "web/app/src/gen/"))
    ]


def test_the_web_apps_packages_are_locked_by_hash_wherever_they_come_from() -> None:
    packages = json.loads((web.APP / "package-lock.json").read_text())["packages"]
    for path, package in packages.items():
        assert not path or package["integrity"].startswith("sha512-"), path
        assert "resolved" not in package, path
    assert "ignore-scripts=true" in (web.APP / ".npmrc").read_text().split()
