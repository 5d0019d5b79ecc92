"""The settings of the edge."""

import pytest

from edge.settings import SettingsError, load

GOOD = {
    "EDGE_PORT": "8080",
    "EDGE_ADMIN_PORT": "9901",
    "JWKS_URL": "http://keys.example/.well-known/jwks.json",
    "ORDER_TARGET": "orders.example:50052",
    "USER_TARGET": "127.0.0.1:1, 127.0.0.1:2",
}


def test_reads_ports_targets_and_keys() -> None:
    settings, targets = load(["order", "user"], GOOD)
    assert (settings.edge_port, settings.edge_admin_port) == (8080, 9901)
    assert settings.jwks_address == ("keys.example", 80)
    assert settings.jwks_path == "/.well-known/jwks.json"
    assert targets == {"order": (("orders.example", 50052),), "user": (("127.0.0.1", 1), ("127.0.0.1", 2))}


def test_defaults_are_safe() -> None:
    settings, _ = load(["order", "user"], GOOD)
    assert settings.edge_host == "127.0.0.1"
    assert settings.edge_trusted_hops == 0
    assert settings.rate_limit_multiplier == 1


def test_names_every_bad_variable_at_once() -> None:
    bad = {**GOOD, "EDGE_PORT": "0", "JWKS_URL": "https://keys.example/", "RATE_LIMIT_MULTIPLIER": "0"}
    del bad["EDGE_ADMIN_PORT"], bad["ORDER_TARGET"]
    with pytest.raises(SettingsError) as refusal:
        load(["order", "user"], bad)
    names = [line.split()[2].rstrip(":") for line in str(refusal.value).splitlines()]
    assert sorted(names) == ["EDGE_ADMIN_PORT", "EDGE_PORT", "JWKS_URL", "ORDER_TARGET", "RATE_LIMIT_MULTIPLIER"]


@pytest.mark.parametrize(
    "target", ["", "orders", ":50052", "orders:", "orders:0", "orders:99999", "orders:1/x", "a:1,,b:2"]
)
def test_a_target_is_a_host_and_a_port(target: str) -> None:
    with pytest.raises(SettingsError, match="ORDER_TARGET: must be host:port"):
        load(["order"], {**GOOD, "ORDER_TARGET": target})


def test_a_bad_value_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refusal:
        load([], {**GOOD, "EDGE_PORT": "hunter2"})
    assert "hunter2" not in str(refusal.value)


def test_a_shared_count_is_a_host_and_a_port() -> None:
    settings, _ = load([], {**GOOD, "RATE_LIMIT_SERVICE": "ratelimit.example:8081"})
    assert settings.rate_limit_service == ("ratelimit.example", 8081)
    assert load([], GOOD)[0].rate_limit_service is None
    with pytest.raises(SettingsError, match=r"RATE_LIMIT_SERVICE: .*must be host:port"):
        load([], {**GOOD, "RATE_LIMIT_SERVICE": "ratelimit"})


def test_a_shared_count_knows_no_multiplier() -> None:
    with pytest.raises(SettingsError, match="RATE_LIMIT_MULTIPLIER must be 1"):
        load([], {**GOOD, "RATE_LIMIT_SERVICE": "ratelimit.example:8081", "RATE_LIMIT_MULTIPLIER": "10"})


def test_a_newline_at_the_end_is_not_part_of_a_value() -> None:
    settings, targets = load(["order"], {**GOOD, "EDGE_HOST": "::\n", "ORDER_TARGET": "orders:50052\n"})
    assert settings.edge_host == "::"
    assert targets == {"order": (("orders", 50052),)}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("JWKS_URL", "http://shop:hunter2@keys.example/"), ("EDGE_HOST", "[::]"), ("ORDER_TARGET", "hunter2@orders:1")],
)
def test_what_cannot_be_used_is_refused_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(["order"], {**GOOD, variable: value})
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"bad setting {variable}: must ")
    assert "hunter2" not in line


def test_a_name_that_is_nearly_a_setting_is_refused() -> None:
    near = {"EDGE_TRUSTED_HOP": "1", "USER_TARGETS": "a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x", "HOME": "/"}
    without = {name: value for name, value in GOOD.items() if name != "USER_TARGET"}
    with pytest.raises(SettingsError) as refusal:
        load(["order", "user"], {**without, **near})
    assert [line.split()[2] for line in str(refusal.value).splitlines()] == [
        "EDGE_TRUSTED_HOP:", "USER_TARGETS:", "USER_TARGET:",
    ]  # fmt: skip
