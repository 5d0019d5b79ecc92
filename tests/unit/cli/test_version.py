"""`argosy --version` works anywhere, and prints the version of the package."""

from importlib.metadata import version

from typer.testing import CliRunner

from cli.app import app
from cli.version import VERSION


def test_the_version_is_printed_without_a_system() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"argosy {VERSION}\n")
    assert version("argosy") == VERSION
