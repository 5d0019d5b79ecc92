"""Every public rpc over REST by curl: as whom it is for, and as everybody whom it is not for.

The method, the path, who may call and what a success is come from the contract. What a call needs besides (an order of
the caller's, a body) is a row in `rest_rows/<service>.py`: `@row("OrderService.GetOrder")` over a function that answers
with an `Ask`. A new rpc without a row fails `test_every_rpc_has_a_row`. Who is turned away follows from its policy:

| access | nobody, or a bad token | signed in, not staff | signed in, not the owner |
| --- | --- | --- | --- |
| PUBLIC | bad token: 401 | | |
| USER | 401 | | `Ask.stranger`: 404 where it is about something of the caller's; None where all have their own |
| STAFF | 401 | 403 | |
"""

from __future__ import annotations

import importlib
import json
import uuid
from typing import Any

import pytest

from codegen.image import build_image
from facts.system import system
from services.chassis.rpc.contract import Rpc, public_rpcs, read_contract
from tests.e2e.rest_rows import ROWS, Ask, Scene
from tests.support import facts, invariants
from tests.support.curl import Answer, curl
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, Shop, answered

BAD_TOKEN = "eyJhbGciOiJFZERTQSJ9.e30.bm90IGEgc2lnbmF0dXJl"

RPCS: dict[str, Rpc] = {
    f"{rpc.service.rpartition('.')[2]}.{rpc.name}": rpc
    for _, rpc in public_rpcs(read_contract(build_image(source_info=False)))
}
for _service in system().public:
    importlib.import_module(f"tests.e2e.rest_rows.{_service}")


@pytest.fixture(scope="module")
async def scene(shop: Shop, staff: Customer) -> Scene:
    owner, stranger = await shop.register(), await shop.register()
    order, to_pay = await owner.order(), await owner.order()
    payment = await owner.pay(to_pay)
    await owner.until_order_is(to_pay, "confirmed")
    product = f"table-{uuid.uuid4().hex[:12]}"
    made = {"id": product, "name": "Table", "description": "Round", "price": "1.00", "currency": "USD"}
    answered(await staff.call("POST", "/products", made), 201)
    return Scene(shop, owner, stranger, staff, order["id"], payment["paymentId"], product)


async def call(scene: Scene, name: str, ask: Ask, token: str | None) -> Answer:
    """One call of an rpc, with somebody's token."""
    rpc = RPCS[name]
    path, query = rpc.route, []
    for part, value in ask.path.items():
        if f"{{{part}}}" in path:
            path = path.replace(f"{{{part}}}", value)
        else:
            query.append(f"{part}={value}")
    url = f"{scene.shop.stack.edge_url}{path}{'?' if query else ''}{'&'.join(query)}"
    return await curl(rpc.verb, url, ask.body, token=token, headers=ask.headers)


async def turned_away(scene: Scene, name: str, ask: Ask) -> list[str]:
    """Calls as everybody whom it is not for; what of their answers is not as it must be."""
    rpc = RPCS[name]
    wrong: dict[str, tuple[str | None, int]] = {"a bad token": (BAD_TOKEN, 401)}
    if rpc.access != "PUBLIC":
        wrong["nobody"] = (None, 401)
    if rpc.access == "STAFF":
        wrong["a customer"] = (scene.owner.token, 403)
    if rpc.access == "USER" and ask.stranger is not None:
        wrong["a stranger"] = (scene.stranger.token, ask.stranger)
    complaints = []
    for who, (token, status) in wrong.items():
        answer = await call(scene, name, ask, token)
        if answer.status != status or set(json.loads(answer.text)) != {"code", "message", "details"}:
            complaints.append(f"{name} as {who}: {answer.command}: {answer.status}, not {status}: {answer.text}")
    return complaints


def test_every_rpc_has_a_row() -> None:
    assert set(ROWS) == set(RPCS), "add a row for each new rpc (rest_rows/), and take out those that are gone"


async def test_who_may_not_is_turned_away_and_nothing_has_changed(
    scene: Scene, stack: RealStack, before: Baseline
) -> None:
    asks = {name: await make(scene) for name, make in ROWS.items()}
    was = await invariants.hold(stack, before)
    accounts = await accounts_of(scene)
    complaints = [complaint for name, ask in asks.items() for complaint in await turned_away(scene, name, ask)]
    assert complaints == []
    assert await facts.gather(stack, before.since) == was
    assert await accounts_of(scene) == accounts


async def accounts_of(scene: Scene) -> list[Any]:
    """What the facts do not have: the accounts and the catalogue's entry that rows are about."""
    people = [await scene.owner.get("/users/me"), await scene.stranger.get("/users/me")]
    answer = await scene.owner.get("/notifications/preferences")
    return [*people, answer, await scene.shop.product(scene.product)]


@pytest.mark.parametrize("name", ROWS)
async def test_whom_it_is_for_is_answered(scene: Scene, name: str) -> None:
    ask = await ROWS[name](scene)
    if ask.prepare is not None:
        await ask.prepare()
    answer = await call(scene, name, ask, ask.who.token if ask.who else None)
    assert answer.status == (201 if RPCS[name].creates else 200), f"{answer.command}: {answer.text}"
    assert answer.content_type == ("application/x-ndjson" if RPCS[name].streams else "application/json")
    assert {part: answer.json[part] for part in ask.answers} == dict(ask.answers), answer.command


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/.well-known/jwks.json", "application/json"),
        ("/healthz", "application/json"),
        ("/openapi.json", "application/json"),
        ("/asyncapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/docs/events", "text/html"),
    ],
)
async def test_the_root_is_for_anyone(stack: RealStack, path: str, content_type: str) -> None:
    answer = await curl("GET", f"{stack.edge_url}{path}")
    assert (answer.status, answer.content_type.partition(";")[0]) == (200, content_type)
    assert (await curl("POST", f"{stack.edge_url}{path}", {})).status == (200 if path == "/healthz" else 404)
