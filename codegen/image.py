"""Builds the contract's image: every file of the workspace with its imports."""

import json
import subprocess
from pathlib import Path
from typing import Any

from codegen.paths import ROOT, tool


def build_image(*, source_info: bool, workspace: Path = ROOT) -> bytes:
    """The workspace as a serialized FileDescriptorSet.

    source_info: whether to include comments and positions. With them, every comment changes the image.
    Raises subprocess.CalledProcessError if the protos do not compile; buf prints the reason to stderr.
    """
    return _build("binpb", [] if source_info else ["--exclude-source-info"], workspace)


def build_json_image(*, source_info: bool = False) -> dict[str, Any]:
    """The image as JSON, with the names of our options. Raises like `build_image`."""
    image: dict[str, Any] = json.loads(_build("json", [] if source_info else ["--exclude-source-info"]))
    return image


def _build(form: str, options: list[str], workspace: Path = ROOT) -> bytes:
    command = [str(tool("buf")), "build", "--as-file-descriptor-set", *options, "--output", f"-#format={form}"]
    return subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
