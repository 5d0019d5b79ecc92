"""`argosy --version` works anywhere, and says what packaging says."""

from importlib.metadata import version

from typer.testing import CliRunner

from cli.app import app
from cli.version import VERSION


def test_the_version_is_said_without_a_system() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.stdout) == (0, f"argosy {VERSION}\n")
    assert version("argosy") == VERSION
