"""The pieces of the edge's configuration, derived from the contract as it stands."""

from typing import Any

import pytest

from codegen import edge
from codegen.image import build_image
from services.chassis.rpc.contract import REQUEST_BYTES, Rpc, Service, public_rpcs, read_contract


@pytest.fixture(scope="module")
def services() -> tuple[Service, ...]:
    return read_contract(build_image(source_info=False))


@pytest.fixture(scope="module")
def routes(services: tuple[Service, ...]) -> dict[str, dict[str, Any]]:
    """Routes by path; a path with two of them fails here."""
    made = edge.routes(services)
    by_path = {route["match"]["path"]: route for route in made}
    assert len(by_path) == len(made)
    return by_path


def internal_paths(services: tuple[Service, ...]) -> set[str]:
    return {rpc.path for service in services if service.is_internal for rpc in service.rpcs}


def rpc_of(services: tuple[Service, ...], path: str) -> tuple[Service, Rpc]:
    return next((service, rpc) for service, rpc in public_rpcs(services) if rpc.path == path)


def test_every_public_rpc_has_one_route_and_no_other_rpc_any(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    assert set(routes) == {rpc.path for _, rpc in public_rpcs(services)}
    assert internal_paths(services)
    assert not internal_paths(services) & set(routes)


def test_every_public_rpc_has_the_sign_in_rule_of_its_access(services: tuple[Service, ...]) -> None:
    rules = {rule["match"]["path"]: rule["requires"] for rule in edge.sign_in_rules(services)}
    assert set(rules) == {rpc.path for _, rpc in public_rpcs(services)}
    for _, rpc in public_rpcs(services):
        may_be_nobody = {"allow_missing": {}} in rules[rpc.path].get("requires_any", {}).get("requirements", [])
        assert may_be_nobody == (rpc.access == "PUBLIC"), rpc.path


def test_only_reads_are_repeated(services: tuple[Service, ...], routes: dict[str, dict[str, Any]]) -> None:
    repeated = {path for path, route in routes.items() if "retry_policy" in route["route"]}
    assert repeated == {rpc.path for _, rpc in public_rpcs(services) if rpc.is_read}
    assert "/argosy.order.v1.OrderService/CreateOrder" not in repeated
    assert "/argosy.order.v1.OrderService/GetOrder" in repeated


def test_a_route_has_its_services_figures(routes: dict[str, dict[str, Any]]) -> None:
    route = routes["/argosy.user.v1.UserService/GetUser"]
    assert route["route"]["cluster"] == "user"
    assert route["route"]["timeout"] == "10s"
    assert route["route"]["retry_policy"]["num_retries"] == 3
    assert route["route"]["retry_policy"]["per_try_timeout"] == "2s"
    assert route["metadata"]["filter_metadata"]["argosy"] == {"group": "users"}
    deadline = route["request_headers_to_add"][0]
    assert deadline["header"] == {"key": "grpc-timeout", "value": "10500m"}
    assert deadline["append_action"] == "ADD_IF_ABSENT"


def test_what_anyone_may_call_counts_by_address_with_a_token_too(routes: dict[str, dict[str, Any]]) -> None:
    by_address = {
        path.rpartition("/")[2]
        for path, route in routes.items()
        if "group_by_address" in route.get("metadata", {}).get("filter_metadata", {}).get("argosy", {})
    }
    assert by_address == {
        *("Register", "Login", "RequestPasswordReset", "ConfirmPasswordReset", "VerifyEmail", "UndoEmailChange"),
    }


def test_a_stream_is_ended_by_its_service_and_by_no_timeout(routes: dict[str, dict[str, Any]]) -> None:
    route = routes["/argosy.order.v1.OrderService/WatchOrder"]
    action = route["route"]
    assert (action["timeout"], action["idle_timeout"], action["priority"]) == ("0s", "0s", "HIGH")
    assert "per_try_timeout" not in action["retry_policy"]
    # The contract's hour is the service's to end; the edge comes after it.
    assert action["max_stream_duration"] == {"max_stream_duration": "3605s"}
    assert route["request_headers_to_add"][0]["header"]["value"] == "3600500m"
    assert route["metadata"]["filter_metadata"]["lua"] == {"streams": True}


def test_what_is_unlimited_counts_for_no_group(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    for path, route in routes.items():
        counted = "argosy" in route.get("metadata", {}).get("filter_metadata", {})
        assert counted != rpc_of(services, path)[1].unlimited, path
    assert rpc_of(services, "/argosy.payment.v1.PaymentService/HandleStripeWebhook")[1].unlimited


def test_an_rpc_of_a_bulkhead_goes_to_its_cluster(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    clusters = {one["name"]: one for one in edge.bulkheads(services)}
    assert clusters["user-passwords"]["upstream"] == "user"
    for path in ("Register", "Login", "ChangePassword", "ConfirmPasswordReset"):
        assert routes[f"/argosy.user.v1.UserService/{path}"]["route"]["cluster"] == "user-passwords"
    for service in services:
        for bulkhead in service.bulkheads:
            most = clusters[f"{service.owner}-{bulkhead.name}"]["most_requests"]
            assert most == bulkhead.max_in_flight + bulkhead.max_waiting, "who waits in the service passes the edge"
    used = {route["route"]["cluster"] for route in routes.values()}
    assert used == set(clusters) | {upstream["name"] for upstream in edge.upstreams(services)}


def test_an_rpc_with_a_limit_of_its_own_has_it_by_both_paths(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    of_rest = {route["name"].removesuffix(".rest"): route for route in edge.rest_limits(services)}
    for service, rpc in public_rpcs(services):
        name = f"{service.owner}.{rpc.name}"
        assert (name in of_rest) == (rpc.max_request_bytes != REQUEST_BYTES or bool(rpc.required_headers)), name
        if rpc.max_request_bytes != REQUEST_BYTES:
            for route in (of_rest[name], routes[rpc.path]):
                assert route["metadata"]["filter_metadata"]["lua"]["max_request_bytes"] == rpc.max_request_bytes
                buffer = route["typed_per_filter_config"]["buffer"]["buffer"]
                assert buffer["max_request_bytes"] == rpc.max_request_bytes
    assert of_rest["payment.HandleStripeWebhook"]["match"]["safe_regex"]["regex"] == "/api/v1/webhooks/stripe"


def test_every_group_and_every_upstream_of_a_route_exists(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    groups = {limit["group"] for limit in edge.limits(services)}
    upstreams = {one["name"] for one in (*edge.upstreams(services), *edge.bulkheads(services))}
    for route in routes.values():
        assert route["route"]["cluster"] in upstreams
        named = route.get("metadata", {}).get("filter_metadata", {}).get("argosy", {}).values()
        assert set(named) <= groups


def test_internal_services_are_not_transcoded_and_answer_for_nobodys_health(services: tuple[Service, ...]) -> None:
    internal = {service.full_name for service in services if service.is_internal}
    transcoded = set(edge.transcoded_services(services))
    assert internal
    assert transcoded == {service.full_name for service in services} - internal
    assert {upstream["health_service"] for upstream in edge.upstreams(services)} <= transcoded
