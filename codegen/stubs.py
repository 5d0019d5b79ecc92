"""Generates Python stubs of our protos, with type stubs."""

import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from codegen.paths import tool

# protovalidate's Python package uses another protobuf runtime, so we need stubs of its options for ours.
GENERATED_PACKAGES = ("argosy/", "buf/validate/")


def generate_stubs(image: bytes, into: Path, scratch: Path) -> None:
    """Write `_pb2.py`, `_pb2.pyi`, `_pb2_grpc.py` and `_pb2_grpc.pyi` for every file of ours in an image.

    image: a serialized FileDescriptorSet with source information (the comments become docstrings).
    """
    descriptors = FileDescriptorSet.FromString(image)
    files = sorted(file.name for file in descriptors.file if file.name.startswith(GENERATED_PACKAGES))
    with_services = {file.name for file in descriptors.file if file.service}
    image_file = scratch / "image.binpb"
    image_file.write_bytes(image)
    into.mkdir(parents=True, exist_ok=True)
    out, quiet_out = str(into), f"quiet:{into}"
    messages = ["--python_out", out, f"--plugin={tool('protoc-gen-mypy')}", "--mypy_out", quiet_out]
    services = ["--grpc_python_out", out, f"--plugin={tool('protoc-gen-mypy_grpc')}", "--mypy_grpc_out", quiet_out]
    _protoc(image_file, messages, files)
    _protoc(image_file, services, [file for file in files if file in with_services])
    _make_packages(into)


def _protoc(image_file: Path, options: list[str], files: list[str]) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={image_file}", *options, *files]
    subprocess.run(command, check=True)


def _make_packages(root: Path) -> None:
    """Make every folder a regular package, so that tools find the packages."""
    for folder in sorted(path for path in root.rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()
        if folder.parent == root:
            (folder / "py.typed").touch()
