"""The steps of set-up, in order."""

import shutil
import sys
from collections.abc import Iterator
from typing import IO

from local.paths import BIN, KAFKA_JARS, PYTHON, ROOT, VENV
from local.progress import run
from local.setup import go, web
from local.setup.checksums import verify
from local.setup.interpreter import fingerprint
from local.setup.lock import locked
from local.setup.packages import LOCK, install, install_installer, pip
from local.setup.step import Step

_TOOLS = ROOT / "local" / "tools"
_FERRETDB = ROOT / "local" / "ferretdb"
_KAFKA = ROOT / "local" / "kafka"
_PROJECT = ROOT / "pyproject.toml"
_CODEGEN = ROOT / "codegen"
_THIRD_PARTY = ROOT / "third_party" / "proto"


def steps() -> tuple[Step, ...]:
    """All steps, in order."""
    found = [
        Step("environment", "Python environment", _environment, lambda: [fingerprint(), str(ROOT)], (PYTHON,)),
        Step("installer", "Installer (the pip of the lock)", _installer, lambda: [fingerprint(), *locked("pip", LOCK)]),
        Step("packages", "Python packages", _packages, lambda: [fingerprint(), LOCK], (BIN / "supervisord",)),
        Step("argosy", "Argosy itself", _argosy, lambda: [_PROJECT, *_stub_packages()]),
        Step(
            "tools",
            "Go tools (grpcurl, ghz, stripe-mock)",
            _tools,
            lambda: [_TOOLS / "go.mod", _TOOLS / "go.sum"],
            (BIN / "grpcurl", BIN / "ghz", BIN / "stripe-mock"),
        ),
        Step(
            "ferretdb",
            "FerretDB (the laptop's MongoDB)",
            _ferretdb,
            lambda: [_FERRETDB / "go.mod", _FERRETDB / "go.sum", _FERRETDB / "main.go"],
            (BIN / "ferretdb",),
        ),
        Step("kafka", "Kafka", _kafka, lambda: [_KAFKA / "pom.xml", _KAFKA / "jars.sha256"], (KAFKA_JARS,)),
    ]
    if (_CODEGEN / "__main__.py").is_file():
        found.append(
            Step(
                "protos",
                "Third-party protos",
                _protos,
                lambda: [LOCK, _CODEGEN / "collect.py", *sorted((_CODEGEN / "protovalidate").iterdir())],
                (_THIRD_PARTY,),
            )
        )
    return (*found, *web.steps())


def _stub_packages() -> Iterator[str]:
    """The generated packages: an editable install knows only those that existed when it was made."""
    generated = ROOT / "generated" / "python" / "argosy"
    return (str(path.relative_to(ROOT)) for path in sorted(generated.glob("*/*/__init__.py")))


def _environment(log: IO[str]) -> None:
    run([sys.executable, "-m", "venv", str(VENV)], log, ROOT)


def _installer(log: IO[str]) -> None:
    install_installer(PYTHON, LOCK, log)


def _packages(log: IO[str]) -> None:
    install(PYTHON, LOCK, log)


def _argosy(log: IO[str]) -> None:
    run([*pip(PYTHON), "install", "--no-deps", "--no-build-isolation", "--editable", "."], log, ROOT)


def _tools(log: IO[str]) -> None:
    run(["go", "install", "tool"], log, _TOOLS, go.environment() | {"GOBIN": str(BIN)})


def _ferretdb(log: IO[str]) -> None:
    go.build(_FERRETDB, ".", BIN / "ferretdb", log)


def _kafka(log: IO[str]) -> None:
    """Download to a temporary directory and verify every file before any can run."""
    fetched = KAFKA_JARS.with_name("kafka.new")
    shutil.rmtree(fetched, ignore_errors=True)
    copy = ["mvn", "--batch-mode", "--quiet", "-f", str(_KAFKA / "pom.xml"), "dependency:copy-dependencies"]
    run([*copy, f"-DoutputDirectory={fetched}"], log, ROOT)
    verify(fetched, _KAFKA / "jars.sha256")
    shutil.rmtree(KAFKA_JARS, ignore_errors=True)
    fetched.rename(KAFKA_JARS)


def _protos(log: IO[str]) -> None:
    run([str(PYTHON), "-m", "codegen", "collect"], log, ROOT)
