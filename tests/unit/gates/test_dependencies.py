"""Every package that is imported is declared for where it runs, and every declared one is of use."""

from pathlib import Path

import pytest

from gates.dependencies import owner, problems

_PROJECT = """[project]
dependencies = ["pyjwt[crypto]", "httpx"]
[project.optional-dependencies]
edge = []
dev = ["pytest>=9", "types-protobuf", "ruff"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(_PROJECT)
    for name, text in {
        "services/a.py": "import os, jwt\nfrom services.b import c\n",
        "cli/a.py": "def late():\n    from httpx import get\n",
        "tests/a.py": "import pytest, httpx\n",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_declared_and_imported_is_fine(project: Path) -> None:
    assert list(problems(project)) == []


def test_what_only_another_package_asks_for_is_named(project: Path) -> None:
    (project / "services" / "b.py").write_text("def late():\n    from opentelemetry.trace import Span\n")
    assert list(problems(project)) == [
        "services/b.py imports opentelemetry.trace.Span: declare opentelemetry-api in pyproject.toml"
    ]


def test_what_is_there_for_tests_alone_is_not_for_services(project: Path) -> None:
    (project / "services" / "b.py").write_text("import pytest\n")
    assert list(problems(project)) == ["services/b.py imports pytest: declare pytest in pyproject.toml"]


def test_what_nothing_imports_is_named(project: Path) -> None:
    (project / "cli" / "a.py").write_text("")
    (project / "tests" / "a.py").write_text("import pytest\n")
    assert list(problems(project)) == ["pyproject.toml declares httpx, which nothing uses"]


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("google.protobuf.message.Message", "protobuf"),
        ("google.rpc.status_pb2", "googleapis-common-protos"),
        ("grpc.aio", "grpcio"),
        ("uvloop", "uvloop"),
        ("json", None),
        ("services.order", None),
    ],
)
def test_a_module_is_of_the_package_that_brings_its_file(module: str, package: str | None) -> None:
    assert owner(module) == package
