"""The contract is compared with that of the newest release, whatever git knows; in scratch copies of the workspace."""

import re
import shutil
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from cli.version import VERSION
from codegen import check
from codegen.check import breaking_changes
from codegen.image import build_image
from codegen.paths import RELEASES, ROOT
from codegen.releases import NoRelease, keep, newest, ours_alone, retired

ORDER = "proto/argosy/order/v1/order.proto"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("proto", "third_party"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy2(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def _changed(workspace: Path, pattern: str, replacement: str) -> bytes:
    """The contract after one change of a file."""
    file = workspace / ORDER
    text, count = re.subn(pattern, replacement, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)
    return build_image(source_info=False, workspace=workspace)


def test_a_field_that_the_release_has_cannot_be_removed(workspace: Path) -> None:
    present = _changed(workspace, r"(?m)^  string total_amount = 4;\n", "")
    assert 'field "4" with name "total_amount"' in breaking_changes(newest().read_bytes(), present)


def test_a_field_may_be_added(workspace: Path) -> None:
    released = ours_alone(build_image(source_info=False, workspace=workspace))
    present = _changed(workspace, r"(?m)^message Order \{\n", "message Order {\n  // New.\n  string added = 900;\n")
    assert b"added" in present
    assert breaking_changes(released, present) == ""


def test_a_file_of_a_release_that_was_given_up_on_purpose_may_be_missing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "proto/argosy/notification/v1/notification.proto").unlink()
    present = build_image(source_info=False, workspace=workspace)
    assert "notification.proto" in breaking_changes(newest().read_bytes(), present)
    (workspace / "proto/retired.txt").write_text("# On purpose:\nargosy/notification/v1/notification.proto\n")
    monkeypatch.setattr(check, "retired", lambda: retired(workspace / "proto"))
    assert breaking_changes(newest().read_bytes(), present) == ""


def test_the_check_compares_with_the_newest_release(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_one_more = _changed(
        workspace, r"(?m)^message Order \{\n", "message Order {\n  // Gone.\n  string gone = 900;\n"
    )
    release = workspace / "1.0.0.binpb"
    release.write_bytes(ours_alone(with_one_more))
    monkeypatch.setattr(check, "newest", lambda: release)
    with pytest.raises(check.CheckFailed, match=r'1\.0\.0:\n.*field "900" with name "gone"'):
        check.check_compatibility()


def test_a_release_holds_what_is_ours_and_nothing_else() -> None:
    names = [file.name for file in FileDescriptorSet.FromString(newest().read_bytes()).file]
    assert ORDER.removeprefix("proto/") in names
    assert [name for name in names if not name.startswith("argosy/")] == []


def test_the_version_that_is_out_has_its_contract_kept() -> None:
    assert (RELEASES / f"{VERSION}.binpb").is_file()


def test_the_newest_release_is_that_of_the_highest_version(tmp_path: Path) -> None:
    for version in ("0.9.0", "0.10.0", "0.2.11"):
        (tmp_path / f"{version}.binpb").touch()
    assert newest(tmp_path).stem == "0.10.0"


def test_nothing_to_compare_with_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(NoRelease, match="make release-image"):
        newest(tmp_path)


def test_a_release_is_kept_once(tmp_path: Path) -> None:
    file = keep(tmp_path, "1.2.3")
    assert ours_alone(build_image(source_info=False)) == file.read_bytes()
    file.write_bytes(b"as it was")
    with pytest.raises(NoRelease, match=r"1\.2\.3\.binpb exists"):
        keep(tmp_path, "1.2.3")
    assert file.read_bytes() == b"as it was"


@pytest.mark.parametrize(
    "place",
    [
        ("compose.yaml", "image: argosy:{}\n"),
        ("k8s/base/kustomization.yaml", "newTag: {}}}"),
        ("k8s/base/kustomization.yaml", "app.kubernetes.io/version: {}}}"),
        ("docs/cluster.md", "argosy:{} ."),
        ("CHANGELOG.md", "\n## {}\n"),
    ],
    ids=lambda place: f"{place[0]}: {place[1].strip()}",
)
def test_every_place_names_the_version_that_is_out(place: tuple[str, str]) -> None:
    file, text = place
    assert text.format(VERSION) in (ROOT / file).read_text()
