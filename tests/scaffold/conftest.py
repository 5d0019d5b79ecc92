"""A scratch clone of this checkout, for tests that write code into it and take code out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scaffold.clone import Clone

collect_ignore = ["shipping", "selling"]  # what is put into the clone, and runs there


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """The files of this checkout as they are, in a repository of their own."""
    folder = Path(tempfile.mkdtemp(prefix="argosy-"))  # short: sockets lie in it
    folder.chmod(0o711)  # PostgreSQL does not run as root
    try:
        yield Clone.of_this_checkout(folder / "c")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
