"""Every setting of every service: what is wrong is refused by its name and without its value."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from local import credentials
from local.paths import PYTHON, ROOT
from local.ports import SERVICES
from local.stack import Stack
from local.topology import parts
from services.chassis.process.settings import load
from tests.support.settings_classes import SETTINGS

Environment = Mapping[str, str]
_PARTY = ("_URL", "_TARGET", "_SERVERS", "_ENDPOINT")


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Environment]:
    stack = Stack(tmp_path_factory.mktemp("stack"), 0, traces=True)
    table = parts(stack, credentials.ensure(stack.secrets))
    return {part.name: part.environment for part in table if part.name in SERVICES}


def _refused(
    settings: type[BaseSettings], given: Environment, name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> str:
    """The line that refuses this value; all others are good."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in os.environ:
            patch.delenv(variable)
        for variable, good in {**given, name: value}.items():
            patch.setenv(variable, good)
        with pytest.raises(SystemExit) as exit_:
            load(settings)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def _texts(settings: type[BaseSettings]) -> list[str]:
    return [name.upper() for name, field in settings.model_fields.items() if "str" in str(field.annotation).lower()]


@pytest.mark.parametrize("service", SERVICES)
def test_every_text_is_one_line(
    environments: Mapping[str, Environment], service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SETTINGS[service]
    names = _texts(settings)
    assert "KAFKA_BOOTSTRAP_SERVERS" in names
    for name in names:
        line = _refused(settings, environments[service], name, "hunter2\nhunter2", capsys)
        assert line == f"bad setting {name}: must be one line of printable characters"


@pytest.mark.parametrize("service", SERVICES)
def test_every_address_of_another_party_is_parsed_at_start(
    environments: Mapping[str, Environment], service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SETTINGS[service]
    names = [name.upper() for name in settings.model_fields if name.upper().endswith(_PARTY)]
    assert {"KAFKA_BOOTSTRAP_SERVERS", "JWKS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"} < set(names)
    for name in names:
        for bad in ("hunter2", "https://shop:hunter2/x@party.example/", "smtp://shop:pa/hunter2@party.example"):
            line = _refused(settings, environments[service], name, bad, capsys)
            assert line.startswith(f"bad setting {name}: ")
            assert "hunter2" not in line


def _run(module: str, given: Environment, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {**given, "PATH": os.environ["PATH"], **changed}
    command: list[Any] = [PYTHON, "-m", *module.split()]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("notification", "SMTP_URL", "smtp://shop:pa/hunter2@mail.example:25"),
        ("user migrate", "DATABASE_URL", "postgresql://user:pa/hunter2@db.example/user"),
    ],
)
def test_a_process_ends_with_2_and_one_line(
    environments: Mapping[str, Environment], service: str, name: str, value: str
) -> None:
    done = _run(f"services.{service}", environments[service.split()[0]], **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bad setting {name}: must be ")
    assert "hunter2" not in line


def test_the_edge_ends_with_2_and_one_line(tmp_path: Path) -> None:
    stack = Stack(tmp_path, 0)
    (edge,) = (part for part in parts(stack, credentials.ensure(stack.secrets)) if part.name == "edge")
    done = _run("edge run", edge.environment, JWKS_URL="http://shop:hunter2@user/jwks")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bad setting JWKS_URL: must not contain a user or password\n"
