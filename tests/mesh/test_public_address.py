"""The gateway's public address, and a whole purchase through it: gateway → edge → services, each hop mutual TLS."""

import ssl

import httpx
import pytest

from local.demo.shop import Shop
from local.ports import BASE
from local.stack import Stack
from mesh.cluster import Cluster
from mesh.door import door
from mesh.pods import GATEWAY, GATEWAY_HOST, GATEWAY_HTTP, PODS, Pod
from tests.mesh.envoys import let_in
from tests.mesh.lab import Lab, until
from tests.mesh.policies import shipped

_SECONDS = 20
_ANOTHER_ACCOUNT = "istio-ingressgateway"
"""What other charts of Istio call the gateway's account."""


def test_plain_http_is_sent_to_https(stack: Stack) -> None:
    answer = httpx.get(
        f"http://{GATEWAY.address(stack)}:{GATEWAY_HTTP}/api/v1/products", headers={"Host": GATEWAY_HOST}
    )
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["location"] == f"https://{GATEWAY_HOST}/api/v1/products"


def test_another_host_is_not_served(stack: Stack) -> None:
    with door(stack) as client:
        assert client.get("/products", headers={"Host": "other.myapp.com"}).status_code == httpx.codes.NOT_FOUND
        assert client.get("/products").status_code == httpx.codes.OK


def test_a_purchase_goes_through_the_mesh(stack: Stack) -> None:
    names = ("edge", "user", "order", "payment", "inventory")
    before = {name: let_in(stack, PODS[name]) for name in names}
    with Shop(stack, door(stack)) as shop:
        shop.register()
        product = shop.product("prod-123")
        order = shop.order("prod-123", 1, product["price"])
        payment = shop.pay(order, "pm_card_visa")
        assert payment["status"] == "succeeded"
        assert shop.order_with_status(order, "confirmed")["id"] == order["id"]
    after = {name: let_in(stack, PODS[name]) for name in before}
    assert [name for name in before if after[name] <= before[name]] == []


@pytest.fixture(scope="module")
def another_account(lab: Lab) -> Pod:
    """A workload of the gateway's namespace under an account that is not the gateway's."""
    return lab.add(
        Pod("another-gateway", _ANOTHER_ACCOUNT, 23, {"app": "another-gateway"}, namespace=GATEWAY.namespace)
    )


def test_the_edge_takes_calls_of_the_charts_account_alone(
    stack: Stack, lab: Lab, as_gateway: Pod, another_account: Pod
) -> None:
    assert as_gateway.account == GATEWAY.account != another_account.account
    assert _at_the_edge(stack, lab, as_gateway) == (httpx.codes.OK, "application/json")
    assert _at_the_edge(stack, lab, another_account)[0] == httpx.codes.FORBIDDEN


def test_a_policy_for_another_account_keeps_everybody_out(stack: Stack, cluster: Cluster, lab: Lab) -> None:
    """What a wrong name in the policy does in a cluster; the control has the shipped one."""
    policy = shipped(cluster, "authorizationpolicy", "edge-callers")
    (principal,) = policy["spec"]["rules"][0]["from"][0]["source"]["principals"]
    assert principal.endswith(f"/ns/{GATEWAY.namespace}/sa/{GATEWAY.account}")
    wrong = principal.replace(GATEWAY.account, _ANOTHER_ACCOUNT)
    policy["spec"]["rules"][0]["from"][0]["source"]["principals"] = [wrong]
    with door(stack) as client:

        def answer() -> int:
            return client.get("/products").status_code

        assert answer() == httpx.codes.OK
        with lab.changed(policy):
            until(lambda: answer() == httpx.codes.FORBIDDEN, "another account's policy lets the gateway in")
        until(lambda: answer() == httpx.codes.OK, "the policy does not come back")


def _at_the_edge(stack: Stack, lab: Lab, caller: Pod) -> tuple[int, str]:
    """What the edge's sidecar answers to a workload's certificate: status and content type."""
    chain, key, root = lab.certificate(caller)
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = False  # workloads have names of another kind
    context.load_cert_chain(chain, key)
    url = f"https://{PODS['edge'].address(stack)}:{BASE['edge']}/api/v1/products"
    answer = httpx.get(url, verify=context, timeout=_SECONDS)
    return answer.status_code, answer.headers.get("content-type", "")
