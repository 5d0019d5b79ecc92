"""What is derived for the mesh and the cluster's network: exactly the contract's callers, times and repeats."""

from dataclasses import replace
from typing import Any

import pytest

from codegen import mesh, network
from codegen.image import build_image
from facts.system import NOBODY, System, misfits, read
from services.chassis.rpc.contract import Access, Service

Pair = tuple[str, str]


@pytest.fixture(scope="module")
def system() -> System:
    return read(image=build_image(source_info=False))


@pytest.fixture(scope="module")
def services(system: System) -> tuple[Service, ...]:
    return system.contract


@pytest.fixture(scope="module")
def routes(services: tuple[Service, ...]) -> dict[str, dict[str, Any]]:
    """Routes by path; a path with two of them fails here."""
    pairs = [
        (match["uri"]["exact"], route)
        for virtual_service in mesh.virtual_services(services)
        for route in virtual_service["spec"]["http"]
        for match in route.get("match", [])
    ]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def allowed(services: tuple[Service, ...]) -> set[Pair]:
    """Every caller's principal and rpc that some policy allows."""
    return {
        (principal, path)
        for policy in mesh.authorization_policies(services)
        for rule in policy["spec"]["rules"]
        for principal in rule["from"][0]["source"]["principals"]
        for path in rule["to"][0]["operation"]["paths"]
    }


def test_exactly_the_contracts_callers_may_call(services: tuple[Service, ...]) -> None:
    expected = {
        (f"cluster.local/ns/production/sa/{caller}", rpc.path)
        for service in services
        for rpc in service.rpcs
        for caller in (rpc.callers if rpc.access == "INTERNAL" else ("edge",))
        if caller != NOBODY
    }
    assert allowed(services) == expected
    order, edge = "cluster.local/ns/production/sa/order", "cluster.local/ns/production/sa/edge"
    reserve = "/argosy.inventory.v1.ReservationService/ReserveStock"
    assert (order, reserve) in expected
    assert (edge, reserve) not in expected
    assert ("cluster.local/ns/production/sa/payment", "/argosy.order.v1.OrderLookupService/LookUpOrder") in expected


def test_nobody_may_call_what_has_lost_its_last_caller(system: System) -> None:
    """An empty list of peers would let in all."""
    closed = replace(
        system,
        contract=tuple(
            replace(one, rpcs=tuple(replace(rpc, access=Access.INTERNAL, callers=(NOBODY,)) for rpc in one.rpcs))
            for one in system.contract
            if one.owner == "notification"
        ),
    )
    assert list(misfits(closed))  # the others have no rpcs here
    assert not [problem for problem in misfits(closed) if NOBODY in problem]
    (callers,) = mesh.authorization_policies(closed.contract)
    assert (callers["spec"]["action"], callers["spec"]["rules"]) == ("ALLOW", [])
    (policy,) = [
        one["spec"] for one in network.network_policies(closed) if one["metadata"]["name"] == "notification-callers"
    ]
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress"], [])


def test_a_policy_holds_for_the_service_whose_rpcs_it_allows(services: tuple[Service, ...]) -> None:
    for policy in mesh.authorization_policies(services):
        owner = policy["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for rule in policy["spec"]["rules"]:
            assert all(path.startswith(f"/argosy.{owner}.v1.") for path in rule["to"][0]["operation"]["paths"])


def test_every_rpc_has_its_time(services: tuple[Service, ...], routes: dict[str, dict[str, Any]]) -> None:
    assert {path: route.get("timeout") for path, route in routes.items()} == {
        rpc.path: None if rpc.streams else f"{rpc.timeout:g}s" for service in services for rpc in service.rpcs
    }


def test_only_public_reads_are_retried_and_all_else_has_no_retries(
    services: tuple[Service, ...], routes: dict[str, dict[str, Any]]
) -> None:
    for service in services:
        for rpc in service.rpcs:
            attempts = service.read_retries if rpc.is_read and not service.is_internal else 0
            assert routes[rpc.path]["retries"]["attempts"] == attempts, rpc.path
    assert routes["/argosy.order.v1.OrderService/CreateOrder"]["retries"] == {"attempts": 0}
    assert routes["/argosy.user.v1.UserService/GetUser"]["retries"]["perTryTimeout"] == "2s"
    assert "perTryTimeout" not in routes["/argosy.order.v1.OrderService/WatchOrder"]["retries"]
    for virtual_service in mesh.virtual_services(services):
        assert all("retries" in route for route in virtual_service["spec"]["http"])


def test_instances_are_chosen_and_ejected_as_the_contract_defines(services: tuple[Service, ...]) -> None:
    rules = {rule["metadata"]["name"]: rule["spec"]["trafficPolicy"] for rule in mesh.destination_rules(services)}
    assert set(rules) == {"user", "order", "payment"}
    assert rules["payment"] == {
        "loadBalancer": {"simple": "RANDOM"},
        "outlierDetection": {
            "consecutive5xxErrors": 2,
            "interval": "30s",
            "baseEjectionTime": "120s",
            "maxEjectionPercent": 10,
        },
    }
    assert rules["user"]["loadBalancer"] == {"simple": "ROUND_ROBIN"}
    assert rules["order"]["outlierDetection"]["baseEjectionTime"] == "60s"


def test_istio_checks_tokens_only_where_no_service_token_comes(system: System) -> None:
    checked = {
        rules["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for rules in mesh.request_authentications(system)
    }
    called_by_services = {service.owner for service in system.contract if service.is_internal}
    assert checked
    assert checked == {*system.names} - called_by_services


def test_the_network_lets_the_same_pairs_through_from_both_ends(system: System) -> None:
    pairs: dict[str, set[Pair]] = {"Ingress": set(), "Egress": set()}
    for policy in network.network_policies(system):
        way = policy["spec"]["policyTypes"][0]
        (rule,) = policy["spec"][way.lower()]
        own = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for peer in rule["from" if way == "Ingress" else "to"]:
            other = peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            pairs[way].add((other, own) if way == "Ingress" else (own, other))
    assert pairs["Ingress"] == pairs["Egress"]
    assert pairs["Ingress"] == {
        (caller, service.owner)
        for service in system.contract
        for rpc in service.rpcs
        for caller in (rpc.callers if rpc.access == "INTERNAL" else ("edge",))
    }
