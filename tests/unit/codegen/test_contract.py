"""What the contract must decide, and how it is read. The images are as small as they can be."""

from copy import deepcopy
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from services.chassis.rpc.contract import ContractError, RateLimit, public_rpcs, rate_limits, read_contract

METHOD, SERVICE, HTTP = "[argosy.policy.v1.method]", "[argosy.policy.v1.service]", "[google.api.http]"

PUBLIC: dict[str, Any] = {
    "name": "Shelf",
    "options": {
        SERVICE: {
            "name": "shop",
            "timeout": "10s",
            "readRetries": {"attempts": 2, "perTryTimeout": "2.500s"},
            "rateLimit": {"group": "shelves", "perMinute": 10, "perHour": 100},
        }
    },
    "method": [
        {
            "name": "Look",
            "options": {
                "idempotencyLevel": "NO_SIDE_EFFECTS",
                METHOD: {"access": "ACCESS_PUBLIC"},
                HTTP: {"get": "/shelves/{id}"},
            },
        },
        {
            "name": "Take",
            "options": {
                METHOD: {"access": "ACCESS_USER", "deadline": "3s", "unlimited": True},
                HTTP: {"post": "/shelves"},
            },
        },
    ],
}
INTERNAL: dict[str, Any] = {
    "name": "Cellar",
    "options": {SERVICE: {"name": "shop", "timeout": "5s"}},
    "method": [{"name": "Fetch", "options": {METHOD: {"access": "ACCESS_INTERNAL", "callers": ["order"]}}}],
}


def image(*services: dict[str, Any], name: str = "argosy/shop/v1/shop.proto") -> bytes:
    files = {"file": [{"name": name, "package": "argosy.shop.v1", "service": list(services)}]}
    return json_format.ParseDict(files, FileDescriptorSet()).SerializeToString()


def changed(service: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    """A copy with one part put in, or taken out when it is None."""
    copy = deepcopy(service)
    part: Any = copy
    for step in path[:-1]:
        part = part[step]
    if to is None:
        del part[path[-1]]
    else:
        part[path[-1]] = to
    return copy


def test_reads_what_an_rpc_and_its_service_decide() -> None:
    cellar, shelf = read_contract(image(PUBLIC, INTERNAL))
    assert (shelf.full_name, shelf.owner, shelf.is_internal) == ("argosy.shop.v1.Shelf", "shop", False)
    assert (shelf.read_retries, shelf.per_try_timeout) == (2, 2.5)
    assert shelf.rate_limit == RateLimit("shelves", 10, 100)
    assert cellar.is_internal
    assert cellar.rate_limit is None

    look, take = shelf.rpcs
    assert look.path == "/argosy.shop.v1.Shelf/Look"
    assert (look.access, look.is_read, look.unlimited, look.timeout) == ("PUBLIC", True, False, 10)
    assert (look.verb, look.route) == ("GET", "/shelves/{id}")
    assert (take.access, take.is_read, take.unlimited, take.timeout) == ("USER", False, True, 3)


def test_a_stream_differs_from_a_single_answer() -> None:
    (shelf,) = read_contract(image(changed(PUBLIC, "method", 0, "serverStreaming", to=True)))
    assert [rpc.streams for rpc in shelf.rpcs] == [True, False]


def test_internal_rpcs_are_not_public() -> None:
    services = read_contract(image(PUBLIC, INTERNAL))
    assert [rpc.name for _, rpc in public_rpcs(services)] == ["Look", "Take"]


def test_others_services_are_none_of_ours() -> None:
    assert read_contract(image(PUBLIC, name="somebody/else.proto")) == ()


def test_a_group_that_two_services_share_is_one_limit() -> None:
    other = changed(changed(PUBLIC, "name", to="Rack"), "method", to=[changed(PUBLIC["method"][1], "name", to="Give")])
    other = changed(other, "method", 0, "options", HTTP, to={"post": "/racks"})
    assert rate_limits(read_contract(image(PUBLIC, other))) == (RateLimit("shelves", 10, 100),)


@pytest.mark.parametrize(
    ("service", "complaint"),
    [
        (
            changed(PUBLIC, "method", 0, "options", METHOD, to=None),
            "Look: the option argosy.policy.v1.method lacks access",
        ),
        (
            changed(PUBLIC, "method", 0, "options", METHOD, "access", to=None),
            "Look: the option argosy.policy.v1.method lacks access",
        ),
        (changed(PUBLIC, "method", 0, "options", HTTP, to=None), "Shelf.Look: a public rpc has an HTTP binding"),
        (changed(PUBLIC, "method", 0, "options", METHOD, "callers", to=["order"]), "Shelf.Look: an internal rpc names"),
        (changed(PUBLIC, "method", 0, "clientStreaming", to=True), "Shelf.Look: client streaming is not supported"),
        (
            changed(PUBLIC, "options", SERVICE, "timeout", to=None),
            "Shelf.Look: neither the rpc nor its service has a deadline",
        ),
        (
            changed(PUBLIC, "method", 0, "options", METHOD, "bulkhead", to="hull"),
            "Shelf.Look: its service has no bulkhead hull with a limit",
        ),
        (
            changed(PUBLIC, "method", 0, "options", METHOD, "maxRequestBytes", to=10 * 1024 * 1024 + 1),
            "Shelf.Look: max_request_bytes is at most 10485760",
        ),
        (changed(PUBLIC, "options", SERVICE, "name", to=None), "Shelf: its policy names no service"),
        (changed(PUBLIC, "options", SERVICE, "rateLimit", to=None), "Shelf: a public service has a rate limit"),
        (changed(PUBLIC, "options", SERVICE, "rateLimit", "perHour", to=None), "Shelf: a rate limit has a group"),
        (
            changed(PUBLIC, "method", 1, "options", HTTP, to={"get": "/shelves/{id}"}),
            "is already the route of /argosy.shop.v1.Shelf/Look",
        ),
        (
            changed(PUBLIC, "method", 1, "options", to={METHOD: {"access": "ACCESS_INTERNAL", "callers": ["order"]}}),
            "Shelf: public and internal rpcs belong in services of their own",
        ),
        (changed(INTERNAL, "method", 0, "options", HTTP, to={"get": "/x"}), "Fetch: a public rpc has an HTTP binding"),
        (
            changed(INTERNAL, "method", 0, "options", METHOD, "callers", to=None),
            "Fetch: an internal rpc names its callers",
        ),
    ],
)
def test_refuses_what_nobody_decided(service: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ContractError) as refusal:
        read_contract(image(service))
    assert complaint in str(refusal.value)


def test_refuses_two_allowances_for_one_group() -> None:
    other = changed(changed(PUBLIC, "name", to="Rack"), "options", SERVICE, "rateLimit", "perHour", to=99)
    other["method"] = [changed(PUBLIC["method"][1], "options", HTTP, to={"post": "/racks"})]
    with pytest.raises(ContractError, match="shelves: it has two different limits"):
        read_contract(image(PUBLIC, other))
