"""The contract of each release, as it was: `proto/releases/VERSION.binpb`, ours alone, without comments.

A release's file never changes; `make release-image` makes the next one, and `make check` compares with the newest.
"""

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from cli.version import VERSION
from codegen.image import build_image
from codegen.paths import RELEASES
from services.chassis.contract import OURS


class NoRelease(Exception):
    """There is no release to compare with, or none can be made; the text says what to do."""


def newest(directory: Path = RELEASES) -> Path:
    """The file of the highest version. Raises NoRelease where there is none."""
    found = sorted(directory.glob("*.binpb"), key=_version)
    if not found:
        raise NoRelease(f"no release of the contract is in {directory.name}/: `make release-image` makes the first")
    return found[-1]


def keep(directory: Path = RELEASES, version: str = VERSION) -> Path:
    """Write down today's contract as that of a release. Raises NoRelease when the release has one."""
    file = directory / f"{version}.binpb"
    if file.exists():
        raise NoRelease(f"{file.name} is there, and a release stays as it was: raise VERSION in cli/version.py first")
    directory.mkdir(exist_ok=True)
    file.write_bytes(ours_alone(build_image(source_info=False)))
    return file


def ours_alone(image: bytes) -> bytes:
    """A serialized FileDescriptorSet without the files of others."""
    files = [file for file in FileDescriptorSet.FromString(image).file if file.name.startswith(OURS)]
    return FileDescriptorSet(file=files).SerializeToString(deterministic=True)


def _version(file: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in file.stem.split("."))
