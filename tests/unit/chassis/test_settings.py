"""Settings from the environment: all of it, or every bad variable by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.chassis.settings import CommonSettings, load


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
        settings.grpc_port = 1  # type: ignore[misc]


def test_every_bad_variable_is_named_and_no_value(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("GRPC_PORT", "sk_oops")
    environment.setenv("DRAIN_GRACE_SECONDS", "-1")
    environment.delenv("API_KEY")
    environment.setenv("SERVICE_KEY_FILE", "/nowhere")
    with pytest.raises(SystemExit) as exit_:
        load(ShopSettings)
    told = capsys.readouterr().err
    assert exit_.value.code == 2
    assert [line.split(":")[0] for line in sorted(told.splitlines())] == [
        "bad setting API_KEY", "bad setting DRAIN_GRACE_SECONDS", "bad setting GRPC_PORT",
        "bad setting SERVICE_KEY_FILE",
    ]  # fmt: skip
    assert "sk_oops" not in told
