"""Programs that the machine must provide, and advice for missing ones."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """A required program: its minimum version (major, minor) and how to install it."""

    program: str
    least: tuple[int, int]
    version_command: tuple[str, ...]
    advice: str


TOOLS = (
    Tool("go", (1, 21), ("go", "version"), "install Go 1.21 or later"),
    Tool(
        "java", (17, 0), ("java", "-version"), "install a Java runtime, 17 or later (Debian: openjdk-17-jre-headless)"
    ),
    Tool("mvn", (3, 6), ("mvn", "--version"), "install Maven 3.6 or later (Debian: maven)"),
)


def absent() -> Iterator[str]:
    """One line for each missing program. Fast: it only searches PATH."""
    for tool in TOOLS:
        if shutil.which(tool.program) is None:
            yield f"{tool.program} is not on the PATH: {tool.advice}"


def unmet() -> Iterator[str]:
    """One line for each missing or too old prerequisite. Runs the programs to get their versions."""
    if importlib.util.find_spec("ensurepip") is None:
        yield "this Python cannot make virtual environments: install its venv module (Debian: python3-venv)"
    missing = list(absent())
    yield from missing
    for tool in TOOLS:
        if shutil.which(tool.program) is None:
            continue
        found = _version(tool)
        if found is not None and found < tool.least:
            yield f"{tool.program} {found[0]}.{found[1]} is too old: {tool.advice}"


def _version(tool: Tool) -> tuple[int, int] | None:
    """The first number with a dot in the program's output; None if there is none (then it is accepted)."""
    answer = subprocess.run(tool.version_command, capture_output=True, text=True, check=False, timeout=60)
    match = re.search(r"(\d+)\.(\d+)", answer.stdout + answer.stderr)
    return (int(match[1]), int(match[2])) if match else None
