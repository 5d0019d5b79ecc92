"""Generating is reproducible, and the checks see what they are for."""

import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from codegen.check import CheckFailed, breaking_changes, check_against, check_drift
from codegen.generate import generate
from codegen.image import build_image


@pytest.fixture(scope="module")
def image() -> bytes:
    return build_image(source_info=False)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    return folder


@pytest.fixture
def copy(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "generated"))


def test_the_same_protos_give_the_same_bytes(fresh: Path) -> None:
    check_drift(fresh)


def test_drift_is_seen_in_a_changed_a_missing_and_a_left_over_file(copy: Path) -> None:
    (copy / "descriptors.binpb").write_bytes(b"")
    (copy / "envoy" / "routes.yaml").unlink()
    (copy / "python" / "argosy" / "old_pb2.py").touch()
    with pytest.raises(CheckFailed) as failure:
        check_drift(copy)
    names = str(failure.value).rpartition(": ")[2].split(", ")
    assert names == ["descriptors.binpb", "envoy/routes.yaml", "python/argosy/old_pb2.py"]


def test_what_python_drops_is_no_drift(copy: Path) -> None:
    (copy / "python" / "argosy" / "__pycache__").mkdir()
    (copy / "python" / "argosy" / "__pycache__" / "x.pyc").touch()
    check_drift(copy)


def file_in(descriptors: FileDescriptorSet, name: str) -> FileDescriptorProto:
    return next(file for file in descriptors.file if file.name == name)


def test_a_removed_rpc_and_a_removed_field_break_the_contract(image: bytes) -> None:
    present = FileDescriptorSet.FromString(image)
    file = file_in(present, "argosy/order/v1/order.proto")
    del file.service[0].method[0]
    order = next(message for message in file.message_type if message.name == "Order")
    del order.field[3]
    broken = breaking_changes(image, present.SerializeToString())
    assert 'RPC "CreateOrder"' in broken
    assert 'field "4" with name "total_amount"' in broken


def test_additions_do_not_break_the_contract(image: bytes) -> None:
    present = FileDescriptorSet.FromString(image)
    file_in(present, "argosy/order/v1/order.proto").message_type.add(name="Parcel")
    assert breaking_changes(image, present.SerializeToString()) == ""


def test_what_others_change_is_not_ours(image: bytes) -> None:
    released = FileDescriptorSet.FromString(image)
    file_in(released, "google/rpc/error_details.proto").message_type.add(name="Gone")
    assert breaking_changes(released.SerializeToString(), image) == ""


def test_a_commit_is_compared_by_the_contract_that_it_has(image: bytes, tmp_path: Path) -> None:
    def commit(contract: bytes) -> None:
        (tmp_path / "generated").mkdir(exist_ok=True)
        (tmp_path / "generated" / "descriptors.binpb").write_bytes(contract)
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "a"]):
            subprocess.run(["git", *command], cwd=tmp_path, check=True)

    commit(image)
    check_against("HEAD", tmp_path)
    more = FileDescriptorSet.FromString(image)
    file_in(more, "argosy/order/v1/order.proto").message_type.add(name="Parcel")
    commit(more.SerializeToString())
    with pytest.raises(CheckFailed, match=r"not compatible with HEAD:\n.*Parcel"):
        check_against("HEAD", tmp_path)
    check_against("HEAD~1", tmp_path)
    with pytest.raises(CheckFailed, match="nothing-here has no contract"):
        check_against("nothing-here", tmp_path)
