"""Builds the contract into one image: every file of the workspace and all that it imports."""

import subprocess

from codegen.paths import ROOT, tool


def build_image(*, source_info: bool) -> bytes:
    """The workspace as a serialized FileDescriptorSet.

    source_info: whether comments and positions are in it; they would make the image change with every comment.
    Raises subprocess.CalledProcessError when the protos do not compile; buf has said why on stderr by then.
    """
    options = [] if source_info else ["--exclude-source-info"]
    command = [tool("buf"), "build", "--as-file-descriptor-set", *options, "--output", "-"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
