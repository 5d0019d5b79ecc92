"""Settings from the environment: all of it, or every bad variable by name, without its value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from services.chassis.data.mongo import MongoUrl
from services.chassis.data.postgres_url import PostgresUrl
from services.chassis.process.environment import HttpUrl, ListenAddress, SmtpUrl, Target, Targets, misspelt
from services.chassis.process.settings import CommonSettings, load


class ShopSettings(CommonSettings):
    api_key: SecretStr
    limit: int = 5


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("HOST", "LOG_LEVEL", "JWKS_URL", "DRAIN_GRACE_SECONDS", "DRAIN_SETTLE_SECONDS", "LIMIT"):
        monkeypatch.delenv(name, raising=False)
    key = tmp_path / "key"
    key.touch()
    for name, value in {
        "GRPC_PORT": "50051", "ADMIN_PORT": "9101", "SERVICE_KEY_FILE": str(key), "SERVICE_KEYS_FILE": str(key),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "API_KEY": "sk_secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_whole_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LIMIT", "7")
    settings = load(ShopSettings)
    assert (settings.grpc_port, settings.limit, settings.host) == (50051, 7, "127.0.0.1")
    assert (settings.drain_grace_seconds, settings.drain_settle_seconds, settings.log_level) == (30, 1, "info")
    assert settings.api_key.get_secret_value() == "sk_secret"


def test_secrets_do_not_print_and_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    settings = load(ShopSettings)
    assert "sk_secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.grpc_port = 1


def test_every_bad_variable_is_named_and_no_value(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("GRPC_PORT", "sk_oops")
    environment.setenv("DRAIN_GRACE_SECONDS", "-1")
    environment.delenv("API_KEY")
    environment.setenv("SERVICE_KEY_FILE", "/nowhere")
    with pytest.raises(SystemExit) as exit_:
        load(ShopSettings)
    printed = capsys.readouterr().err
    assert exit_.value.code == 2
    assert [line.split(":")[0] for line in sorted(printed.splitlines())] == [
        "bad setting API_KEY", "bad setting DRAIN_GRACE_SECONDS", "bad setting GRPC_PORT",
        "bad setting SERVICE_KEY_FILE",
    ]  # fmt: skip
    assert "sk_oops" not in printed


def _refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        load(ShopSettings)
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_the_newline_of_a_mounted_secret_is_not_part_of_it(environment: pytest.MonkeyPatch, end: str) -> None:
    environment.setenv("API_KEY", f"sk_secret{end}")
    environment.setenv("JWKS_URL", f"http://user:9101/jwks{end}")
    environment.setenv("SERVICE_KEY_FILE", f"{load(ShopSettings).service_key_file}{end}")
    settings = load(ShopSettings)
    assert settings.api_key.get_secret_value() == "sk_secret"
    assert settings.jwks_url == "http://user:9101/jwks"


@pytest.mark.parametrize("value", ["sk_\nsecret", "sk_\tsecret", "sk_\udcffsecret", "sk_\x7fsecret"])
def test_a_secret_is_one_line(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str) -> None:
    environment.setenv("API_KEY", value)
    assert _refusal(capsys) == "bad setting API_KEY: must be one line of printable characters"


def test_a_name_that_is_nearly_a_setting_is_refused(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("DRAIN_GRACE_SECOND", "5")
    assert _refusal(capsys) == "bad setting DRAIN_GRACE_SECOND: unknown setting; did you mean DRAIN_GRACE_SECONDS?"
    environment.setenv("DRAIN_GRACE_SECONDS", "5")  # then the other one is somebody else's
    assert load(ShopSettings).drain_grace_seconds == 5


def test_others_variables_are_let_be() -> None:
    known = {"HOST", "GRPC_PORT", "ADMIN_PORT", "DATABASE_URL", "JWKS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    others = ["HOME", "HOSTNAME", "PATH", "ORDER_PORT_50052_TCP", "USER_SERVICE_PORT", "https_proxy", "GRPC_VERBOSITY",
              "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ORDER_TARGET", "IDEMPOTENCY_SECRET"]  # fmt: skip
    assert misspelt(others, known) == {}
    assert misspelt(["LOG_LEVEL", "log_levle"], {"LOG_LEVEL"}) == {}
    assert misspelt(["log_levle"], {"LOG_LEVEL"}) == {"LOG_LEVLE": "LOG_LEVEL"}


def _accepts(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        (problem,) = error.errors(include_input=False)
        for piece in ("hunter2", "hunter", "h2/x"):
            assert piece not in problem["msg"]
        assert "must be" in problem["msg"] or "takes" in problem["msg"] or "leave out" in problem["msg"]
        return False
    return True


GOOD: list[tuple[Any, str]] = [
    (PostgresUrl, "postgresql://shop:hunter2@db:5432/shop"),
    (PostgresUrl, "postgres://shop:h%2Funter2@db/shop?sslmode=require"),
    (PostgresUrl, "postgresql://shop:hunter2@[::1]:5432/shop?target_session_attrs=read-write&options=-c%20a%3Db"),
    (MongoUrl, "mongodb://order:hunter2@db-1:27017,db-2/orders?replicaSet=r&authSource=admin"),
    (MongoUrl, "mongodb+srv://order:hunter2@cluster.example/orders"),
    (SmtpUrl, "smtp://mail:1025"),
    (SmtpUrl, "smtps://shop%40example.com:h%2F2%2Fx@mail.example/"),
    (HttpUrl, "https://api.example/v1?x=y"),
    (HttpUrl, "http://[::1]:9101/jwks"),
    (Target, "inventory:50054"),
    (Target, "[::1]:50054"),
    (Target, "inventory.production.svc.cluster.local:50054"),
    (Targets, "kafka-0:9092, kafka-1:9092"),
    (ListenAddress, "::"),
    (ListenAddress, "0.0.0.0"),  # noqa: S104
]
UNESCAPED = ("h2/x", "12/34", "hunter2?", "hunter2#", "hunter2@", "hunter2%zz", "hunter 2")
PARAMETERS = ("connect_timeout=5", "channel_binding=require", "sslmode=hunter2", "hunter2", "hunter2=x",
              "sslrootcert=/hunter2")  # fmt: skip
NO_TARGETS = ("", "inventory", "inventory:", "inventory:x", "http://inventory:1", "a:1,b:2", "a:1/x", "u@a:1", "::1:5")
BAD: list[tuple[Any, str]] = [
    *((PostgresUrl, f"postgresql://shop:{password}@db/shop") for password in UNESCAPED),
    *((PostgresUrl, f"postgresql://shop:hunter2@db/shop?{query}") for query in PARAMETERS),
    (PostgresUrl, "postgresql://shop:hunter2@db-1,db-2/shop"),
    (PostgresUrl, "postgresql://shop:hunter2@db-1:5432,db-2:5432/shop"),
    (PostgresUrl, "postgresql://shop:hunter2@db"),
    (PostgresUrl, "postgresql://db/shop"),
    (PostgresUrl, "mysql://shop:hunter2@db/shop"),
    (PostgresUrl, "postgresql://shop:hunter2@db:0/shop"),
    (PostgresUrl, "postgresql://shop:hunter2@db:hunter2/shop"),
    (PostgresUrl, "postgresql://shop:hunter2@[::1/shop"),
    (MongoUrl, "mongodb://order:h2/x@db/orders"),
    (MongoUrl, "mongodb://order:hunter2@db"),
    (MongoUrl, "mongodb://order:hunter2@db/orders?hunter2=1"),
    (MongoUrl, "http://order:hunter2@db/orders"),
    *((SmtpUrl, f"smtp://shop:{password}@mail:25") for password in UNESCAPED),
    (SmtpUrl, "mail:25"),
    (SmtpUrl, "smtp://mail:25/hunter2"),
    (HttpUrl, "https://shop:hunter2@api.example/"),
    (HttpUrl, "ftp://api.example/"),
    (HttpUrl, "https://"),
    *((Target, target) for target in NO_TARGETS),
    *((Targets, targets) for targets in ("kafka", "kafka:9092,", "kafka:9092;kafka:9093")),
    *((ListenAddress, address) for address in ("", "[::]", "0.0.0.0:80", "http://x")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_what_can_be_used_is_taken(kind: Any, value: str) -> None:
    assert _accepts(kind, value)


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_what_cannot_be_used_is_refused_without_a_piece_of_it(kind: Any, value: str) -> None:
    assert not _accepts(kind, value)
