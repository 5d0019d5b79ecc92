"""Whatever is sent, the answer of the edge conforms to /openapi.json: no 5xx, a documented status, a documented schema.

Schemathesis makes the requests from the document: good ones, ones at the edge of what is good, and bad ones (wrong
types, missing parts, lengths and bounds passed, headers of any name). The same ones every time. What is not sent:

- `login`: failures slow down the whole address, which every other test signs in from;
- `logout`, `deleteUser`: each would end what the rest is called with;
- `changePassword`: a hash, meant to be slow, for every try;
- streams: they do not end by themselves.

Not held here: that everything bad is refused (the edge ignores unknown fields, takes null for absent and "1" for 1, as
protobuf's JSON does) and that everything good is taken (an order may be unknown, or paid).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.filters import HasAPIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.paths import ROOT
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEFT_OUT = ["login", "logout", "deleteUser", "changePassword"]
CALL_SECONDS = 70
PRODUCTS = "/api/v1/products/"

AnyCase = Case[Any]


def _document_of(operation: HasAPIOperation) -> Mapping[str, Any]:
    raw: Mapping[str, Any] = operation.operation.definition.raw
    return raw


def streams(operation: HasAPIOperation) -> bool:
    return "application/x-ndjson" in str(_document_of(operation)["responses"])


def answers_403(operation: HasAPIOperation) -> bool:
    return "403" in _document_of(operation)["responses"]


def needs_nobody(operation: HasAPIOperation) -> bool:
    return bool(_document_of(operation)["security"] == [])


EVERYTHING = schemathesis.openapi.from_path(ROOT / "generated" / "openapi" / "openapi.json")
SENT = EVERYTHING.exclude(operation_id=LEFT_OUT).exclude(streams)

every_case = settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@dataclass(frozen=True)
class Caller:
    """Who calls, and what of theirs there is to call for."""

    url: str
    token: str | None
    ids: Mapping[str, str]
    """By the beginning of a path."""

    def hold(self, case: AnyCase) -> None:
        """Send it; fails when the answer is not as the document has it."""
        self._name_what_exists(case)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = case.call(base_url=self.url, headers=headers, timeout=CALL_SECONDS)
        for _ in range(4):
            if answer.status_code not in (503, 504):
                break
            # On a busy machine: once more.
            answer = case.call(base_url=self.url, headers=headers, timeout=CALL_SECONDS)
        case.validate_response(answer, CHECKS)

    def _name_what_exists(self, case: AnyCase) -> None:
        """Every other good request is about something that there is; the catalogue, which is everybody's, only read."""
        if case.meta is None or case.meta.generation.mode.is_negative or "id" not in case.path_parameters:
            return
        known = [one for start, one in self.ids.items() if case.path.startswith(start)]
        changes_catalogue = case.path.startswith(PRODUCTS) and case.method != "GET"
        if known and not changes_catalogue and zlib.crc32(str(case.path_parameters["id"]).encode()) % 2:
            case.path_parameters["id"] = known[0]


@pytest.fixture(scope="module")
async def customer(shop: Shop) -> Customer:
    """Somebody of this module's own: what is sent here changes their account."""
    return await shop.register()


@pytest.fixture(scope="module")
async def customer_ids(customer: Customer) -> Mapping[str, str]:
    """A pending order, a payment of another one, and the customer."""
    order, paid = await customer.order(), await customer.order()
    payment = await customer.pay(paid)
    return {
        "/api/v1/orders/": order["id"],
        "/api/v1/payments/": payment["paymentId"],
        "/api/v1/users/": "me",
        PRODUCTS: "prod-124",
    }


CallerOf = Callable[[Customer | None], Caller]


@pytest.fixture(scope="module")
def caller(stack: RealStack, customer_ids: Mapping[str, str]) -> CallerOf:
    """Calls as somebody, for what the customer has."""
    return lambda who: Caller(stack.edge_url, who.token if who else None, customer_ids)


@SENT.parametrize()
@every_case
def test_a_customers_request(case: AnyCase, caller: CallerOf, customer: Customer) -> None:
    caller(customer).hold(case)


@SENT.include(answers_403).parametrize()
@every_case
def test_a_request_of_staff_where_they_may_more(case: AnyCase, caller: CallerOf, staff: Customer) -> None:
    caller(staff).hold(case)


@SENT.include(needs_nobody).parametrize()
@every_case
def test_a_request_of_nobody(case: AnyCase, caller: CallerOf) -> None:
    caller(None).hold(case)
