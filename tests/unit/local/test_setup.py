"""Set-up does a step again exactly when what it was made from has changed, and trusts nothing that it did not check."""

import hashlib
from pathlib import Path

import pytest

from local.setup import step as step_module
from local.setup.checksums import WrongChecksums, verify
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
