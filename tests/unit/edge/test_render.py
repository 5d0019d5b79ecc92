"""The configuration is put together whole, and in the order that filters need."""

from typing import Any

import pytest
import yaml

from edge.render import render, upstream_names
from edge.settings import load


def rendered(**changes: str) -> dict[str, Any]:
    environment = {
        "EDGE_PORT": "12080",
        "EDGE_ADMIN_PORT": "13901",
        "JWKS_URL": "http://127.0.0.1:13101/keys",
        **{f"{name.upper()}_TARGET": "10.0.0.1:1,10.0.0.2:2" for name in upstream_names()},
        **changes,
    }
    config: dict[str, Any] = yaml.load(render(*load(upstream_names(), environment)), yaml.CSafeLoader)
    return config


def manager(config: dict[str, Any]) -> dict[str, Any]:
    chain: dict[str, Any] = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1][
        "typed_config"
    ]
    return chain


def filter_config(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one["typed_config"] for one in manager(config)["http_filters"] if one["name"] == name)


def test_only_the_public_port_leaves_loopback_and_only_by_a_setting() -> None:
    config = rendered(EDGE_HOST="10.0.0.9")
    listener = config["static_resources"]["listeners"][0]["address"]["socket_address"]
    admin = config["admin"]["address"]["socket_address"]
    assert (listener["address"], listener["port_value"]) == ("10.0.0.9", 12080)
    assert (admin["address"], admin["port_value"]) == ("127.0.0.1", 13901)
    assert rendered()["static_resources"]["listeners"][0]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.parametrize(("host", "ipv4_too"), [("::", True), ("::1", False), ("0.0.0.0", False)])  # noqa: S104
def test_two_colons_are_ipv6_and_ipv4(host: str, ipv4_too: bool) -> None:
    address = rendered(EDGE_HOST=host)["static_resources"]["listeners"][0]["address"]["socket_address"]
    assert (address["address"], address["ipv4_compat"]) == (host, ipv4_too)


def test_every_service_is_reached_at_each_of_its_targets_and_asked_about_its_health() -> None:
    clusters = {cluster["name"]: cluster for cluster in rendered()["static_resources"]["clusters"]}
    for name in upstream_names():
        (endpoints,) = clusters[name]["load_assignment"]["endpoints"]
        addresses = [one["endpoint"]["address"]["socket_address"] for one in endpoints["lb_endpoints"]]
        assert [(one["address"], one["port_value"]) for one in addresses] == [("10.0.0.1", 1), ("10.0.0.2", 2)]
        (check,) = clusters[name]["health_checks"]
        assert check["grpc_health_check"]["service_name"].startswith(f"argosy.{name}.")
        assert clusters[name]["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_tokens_are_checked_after_transcoding_and_counted_after_that() -> None:
    names = [one["name"] for one in manager(rendered())["http_filters"]]
    order = [
        "session", "header_mutation", "cors", "lua", "health_check", "buffer", "json", "grpc_web",
        "grpc_json_transcoder", "jwt_authn", "limit_by_minute", "limit_by_hour", "cancelled",
        "router",
    ]  # fmt: skip
    assert names == order


def test_keys_are_fetched_from_the_configured_address() -> None:
    config = rendered()
    provider = filter_config(config, "jwt_authn")["providers"]["argosy"]
    assert provider["remote_jwks"]["http_uri"]["uri"] == "http://127.0.0.1:13101/keys"
    root = manager(config)["route_config"]["virtual_hosts"][0]["routes"][0]
    assert (root["match"]["path"], root["route"]["prefix_rewrite"]) == ("/.well-known/jwks.json", "/keys")


def test_nothing_comes_after_the_route_that_matches_everything() -> None:
    routes = manager(rendered())["route_config"]["virtual_hosts"][0]["routes"]
    assert [route["name"] for route in routes if route["match"] == {"prefix": "/"}] == [routes[-1]["name"]]


@pytest.mark.parametrize("name", ["limit_by_minute", "limit_by_hour"])
def test_the_multiplier_reaches_both_limits(name: str) -> None:
    plain, many = filter_config(rendered(), name), filter_config(rendered(RATE_LIMIT_MULTIPLIER="3"), name)
    for one, other in zip(plain["descriptors"], many["descriptors"], strict=True):
        assert other["token_bucket"]["max_tokens"] == 3 * one["token_bucket"]["max_tokens"]


def test_trusted_hops_are_the_deployments() -> None:
    assert manager(rendered())["xff_num_trusted_hops"] == 0
    assert manager(rendered(EDGE_TRUSTED_HOPS="1"))["xff_num_trusted_hops"] == 1


def test_every_error_of_the_edge_has_the_one_shape() -> None:
    mappers = manager(rendered())["local_reply_config"]["mappers"]
    bodies = [mapper["body_format_override"].get("json_format") for mapper in mappers]
    errors = [body for body in bodies if body is not None and "code" in body]
    assert len(errors) > 8
    for body in errors:
        assert set(body) == {"code", "message", "details"}
        assert isinstance(body["code"], int)
        info, *bad_request = body["details"]
        assert [one["@type"] for one in bad_request] in ([], ["type.googleapis.com/google.rpc.BadRequest"])
        assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
        assert info["domain"] == "argosy"
        assert info["reason"].isupper()


def test_the_access_log_has_no_query_and_no_secret() -> None:
    (log,) = manager(rendered())["access_log"]
    fields = " ".join(log["typed_config"]["log_format"]["json_format"].values()).upper()
    for secret in ("AUTHORIZATION", "COOKIE", "IDEMPOTENCY", "STRIPE", "QUERY", "%REQ(:PATH", "ORIGINAL-PATH"):
        assert secret not in fields
    assert "%PATH(NQ:" in fields


def test_in_a_mesh_the_edge_leaves_health_and_repeats_to_it() -> None:
    config = rendered(EDGE_IN_MESH="true")
    assert not any("health_checks" in cluster for cluster in config["static_resources"]["clusters"])
    routes = manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    assert not any("retry_policy" in route.get("route", {}) for route in routes)
    alone = manager(rendered())["route_config"]["virtual_hosts"][0]["routes"]
    assert any("retry_policy" in route.get("route", {}) for route in alone)
    assert [route["name"] for route in routes] == [route["name"] for route in alone]


def test_with_a_shared_count_it_is_asked_last_and_names_every_window() -> None:
    config = rendered(RATE_LIMIT_SERVICE="ratelimit.production.svc:8081")
    names = [one["name"] for one in manager(config)["http_filters"]]
    assert names[-2:] == ["shared_limit", "router"]
    assert [name for name in names if name != "shared_limit"] == [
        one["name"] for one in manager(rendered())["http_filters"]
    ]
    shared = filter_config(config, "shared_limit")
    assert shared["failure_mode_deny"] is False
    assert shared["rate_limit_service"]["grpc_service"]["envoy_grpc"]["authority"] == "ratelimit.production.svc:8081"
    windows = [limit["actions"][0]["generic_key"]["descriptor_value"] for limit in shared["rate_limits"]]
    assert sorted(windows) == ["hour"] * 3 + ["minute"] * 3
    (cluster,) = (one for one in config["static_resources"]["clusters"] if one["name"] == "shared_limit")
    assert cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "socket_address": {"address": "ratelimit.production.svc", "port_value": 8081}
    }


def test_the_shared_count_distinguishes_callers_as_each_edge_does() -> None:
    config = rendered(RATE_LIMIT_SERVICE="127.0.0.1:8081")
    own = filter_config(config, "limit_by_minute")["rate_limits"]
    shared = filter_config(config, "shared_limit")["rate_limits"]
    for window in ("minute", "hour"):
        of_window = [
            one["actions"][1:] for one in shared if one["actions"][0]["generic_key"]["descriptor_value"] == window
        ]
        assert of_window == [limit["actions"] for limit in own]


def test_without_a_collector_the_edge_makes_no_spans() -> None:
    for config in (
        rendered(),
        rendered(OTEL_EXPORTER_OTLP_ENDPOINT=""),
        rendered(OTEL_EXPORTER_OTLP_ENDPOINT="http://10.0.0.3:4317", OTEL_SDK_DISABLED="true"),
    ):
        assert manager(config)["tracing"] is None
        assert "traces" not in {cluster["name"] for cluster in config["static_resources"]["clusters"]}


def test_spans_go_to_the_collector_without_the_query_of_a_path() -> None:
    config = rendered(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://10.0.0.3:4317",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.01",
        DEPLOYMENT_ENVIRONMENT="staging",
    )
    (cluster,) = [one for one in config["static_resources"]["clusters"] if one["name"] == "traces"]
    (endpoints,) = cluster["load_assignment"]["endpoints"]
    address = endpoints["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert address == {"address": "10.0.0.3", "port_value": 4317}
    tracing = manager(config)["tracing"]
    assert tracing["max_path_tag_length"] == 0
    share = tracing["provider"]["typed_config"]["sampler"]["typed_config"]
    assert share["sampling_percentage"] == {"numerator": 10_000, "denominator": "MILLION"}
    (detector,) = tracing["provider"]["typed_config"]["resource_detectors"]
    assert set(detector["typed_config"]["attributes"].values()) == {"staging"}


def test_only_a_trusted_proxy_decides_what_is_recorded() -> None:
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://10.0.0.3:4317"}
    alone = manager(rendered(**collector))["tracing"]["provider"]["typed_config"]["sampler"]
    behind = manager(rendered(**collector, EDGE_TRUSTED_HOPS="1"))["tracing"]["provider"]["typed_config"]["sampler"]
    assert alone["name"].endswith(".trace_id_ratio_based")
    assert behind["name"].endswith(".parent_based")
    assert behind["typed_config"]["wrapped_sampler"] == alone
