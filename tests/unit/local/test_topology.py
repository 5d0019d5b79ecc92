"""The table of parts: who gets which secret, and what the supervisor makes of it."""

import configparser
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from supervisor.datatypes import dict_of_key_value_pairs

from facts.system import system
from local import credentials
from local.credentials import Credentials
from local.image import layout as image_layout
from local.part import Group, Part
from local.stack import Stack
from local.supervisor_config import MARK, render
from local.topology import parts

Parts = Callable[[Stack, Credentials], Sequence[Part]]

SANDBOX = {"payment.stripe_api_key", "payment.stripe_webhook_secret"}
"""Words that the Stripe sandbox holds, too: it issues them."""


def holders() -> dict[str, set[str]]:
    """Which parts hold each secret: its service, what runs once for it, and what issues it."""
    found: dict[str, set[str]] = {"postgres.postgres": set(), "postgres.ferretdb": {"ferretdb"}}
    for one in system().services:
        own = {one.name, *one.seeds}
        if one.store.kind == "postgres":
            found[f"postgres.{one.name}"] = own
        for setting, secret in one.secrets.items():
            if not secret.laptop:
                word = f"{one.name}.{setting.lower()}"
                found[word] = own | {"stripe"} if word in SANDBOX else own
    return found


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, 0)


@pytest.fixture
def secrets(stack: Stack) -> Credentials:
    return credentials.ensure(stack.secrets)


def test_each_secret_reaches_the_parts_that_need_it_and_no_other(stack: Stack, secrets: Credentials) -> None:
    table = parts(stack, secrets)
    found = {
        name: {part.name for part in table if any(word in value for value in part.environment.values())}
        for name, word in secrets.words.items()
    }
    assert found == holders()
    assert found.keys() >= SANDBOX


def test_each_service_is_given_its_own_signing_key(stack: Stack, secrets: Credentials) -> None:
    given = {
        part.name: part.environment["SERVICE_KEY_FILE"]
        for part in parts(stack, secrets)
        if part.group == Group.SERVICES
    }
    assert given["order"] != given["payment"]
    owners = {part: one.name for one in system().services for part in (one.name, *one.seeds)}
    assert {name: Path(path).name for name, path in given.items()} == {
        part: f"service-{owner}.pem" for part, owner in owners.items()
    }


def test_secrets_are_made_once_and_only_their_owner_can_read_them(stack: Stack, secrets: Credentials) -> None:
    keys = secrets.service_keys_file.read_text()
    again = credentials.ensure(stack.secrets)
    assert again == secrets == credentials.read(stack.secrets)
    assert again.service_keys_file.read_text() == keys
    assert set(json.loads(keys)) == {*system().names}
    assert len(set(secrets.words.values())) == len(secrets.words)
    assert [path for path in stack.secrets.rglob("*") if path.is_file() and path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("table", [parts, image_layout.parts], ids=["laptop", "image"])
def test_no_secret_is_on_a_command_line(table: Parts, stack: Stack, secrets: Credentials) -> None:
    commands = " ".join(" ".join(part.command) for part in table(stack, secrets))
    assert [name for name, word in secrets.words.items() if word in commands] == []


def test_the_supervisor_reads_back_what_was_meant(stack: Stack) -> None:
    command = ("program", '"$@" 2>&1 | cat')
    part = Part("odd", Group.STORES, command, None, environment={"ODD": "100%,a=b;c #d"})
    config = configparser.RawConfigParser()
    config.read_string(render(stack, stack.run / "socket", [part]))
    assert tuple(shlex.split(config["program:odd"]["command"])) == command
    environment = dict_of_key_value_pairs(config["program:odd"]["environment"].replace("%%", "%"))
    assert environment["ODD"] == "100%,a=b;c #d"
    assert environment[MARK] == str(stack.data)


@pytest.mark.parametrize("value", ['say "x"', "it's", "two\nlines"])
def test_a_setting_that_could_end_its_quotes_is_refused(value: str, stack: Stack) -> None:
    part = Part("odd", Group.STORES, ("program",), None, environment={"ODD": value})
    with pytest.raises(ValueError, match="a setting must not contain quotes"):
        render(stack, stack.run / "socket", [part])


def test_a_stack_that_keeps_traces_has_a_collector_and_all_parts_export_to_it(tmp_path: Path) -> None:
    without = {part.name: part for part in parts(Stack(tmp_path, 0), credentials.ensure(Stack(tmp_path, 0).secrets))}
    stack = Stack(tmp_path, 0, traces=True)
    traced = {part.name: part for part in parts(stack, credentials.read(stack.secrets))}
    assert traced.keys() - without.keys() == {"traces"}
    exporting = {name for name, part in traced.items() if "OTEL_EXPORTER_OTLP_ENDPOINT" in part.environment}
    assert exporting == {"edge"} | {part for one in system().services for part in (one.name, *one.seeds)}
    assert not any(name.startswith("OTEL_") for part in without.values() for name in part.environment)
