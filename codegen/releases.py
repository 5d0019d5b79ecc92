"""The contract of each release: `proto/releases/VERSION.binpb`, only our files, without comments.

A release's file never changes. `make release-image` writes the next one, and `make check` compares with the newest.
"""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from cli.version import VERSION
from codegen.image import build_image
from codegen.paths import PROTO, RELEASES
from services.chassis.rpc.contract import OURS


class NoRelease(Exception):
    """There is no release to compare with, or the release exists already. The text names the fix."""


def newest(directory: Path = RELEASES) -> Path:
    """The file of the highest version. Raises NoRelease if there is none."""
    found = sorted(directory.glob("*.binpb"), key=_version)
    if not found:
        raise NoRelease(f"no release of the contract is in {directory.name}/: `make release-image` makes the first")
    return found[-1]


def keep(directory: Path = RELEASES, version: str = VERSION) -> Path:
    """Store the present contract as that of a release. Raises NoRelease if the release exists already."""
    file = directory / f"{version}.binpb"
    if file.exists():
        raise NoRelease(f"{file.name} exists, and a release never changes: raise VERSION in cli/version.py first")
    directory.mkdir(exist_ok=True)
    file.write_bytes(ours_alone(build_image(source_info=False)))
    return file


def retired(directory: Path = PROTO) -> frozenset[str]:
    """The files of releases that were given up on purpose, as `proto/retired.txt` lists them."""
    file = directory / "retired.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return frozenset(line for line in lines if line and not line.startswith("#"))


def ours_alone(image: bytes) -> bytes:
    """A serialized FileDescriptorSet with only our files."""
    files = [file for file in FileDescriptorSet.FromString(image).file if file.name.startswith(OURS)]
    return FileDescriptorSet(file=files).SerializeToString(deterministic=True)


def _version(file: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in file.stem.split("."))
