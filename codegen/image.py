"""Builds the contract into one image: every file of the workspace and all that it imports."""

import json
import subprocess
from pathlib import Path
from typing import Any

from codegen.paths import ROOT, tool


def build_image(*, source_info: bool, workspace: Path = ROOT) -> bytes:
    """The workspace as a serialized FileDescriptorSet.

    source_info: whether comments and positions are in it; they would make the image change with every comment.
    Raises subprocess.CalledProcessError when the protos do not compile; buf has said why on stderr by then.
    """
    return _build("binpb", [] if source_info else ["--exclude-source-info"], workspace)


def build_json_image(*, source_info: bool = False) -> dict[str, Any]:
    """The same as JSON, our options spelled out by their names; raises as `build_image` does."""
    image: dict[str, Any] = json.loads(_build("json", [] if source_info else ["--exclude-source-info"]))
    return image


def _build(form: str, options: list[str], workspace: Path = ROOT) -> bytes:
    command = [str(tool("buf")), "build", "--as-file-descriptor-set", *options, "--output", f"-#format={form}"]
    return subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
