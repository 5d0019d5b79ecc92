"""Every public rpc over REST by curl: as whom it is for, and as everybody whom it is not for.

The method, the path, who may call and what a success is come from the contract. What a call needs besides (an order of
the caller's, a body) is a row here: `@row("OrderService.GetOrder")` over a function that answers with an `Ask`. A new
rpc without a row fails `test_every_rpc_has_a_row`. Who is turned away then follows from the policy:

| access | nobody, or a bad token | signed in, not staff | signed in, not the owner |
| --- | --- | --- | --- |
| PUBLIC | bad token: 401 | | |
| USER | 401 | | `Ask.stranger`: 404 where it is about something of the caller's; None where all have their own |
| STAFF | 401 | 403 | |
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from codegen.contract import Rpc, public_rpcs, read_contract
from codegen.image import build_json_image
from tests.e2e.test_bad_input import signed, webhook
from tests.e2e.test_mailed_tokens import RESET, WELCOME, ask_for_reset, mails, token_in
from tests.support import facts, invariants
from tests.support.curl import Answer, curl
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import ADDRESS, CHALLENGED, VISA, Customer, Shop, a_person, an_order, answered

BAD_TOKEN = "eyJhbGciOiJFZERTQSJ9.e30.bm90IGEgc2lnbmF0dXJl"

IMAGE = build_json_image()
RPCS: dict[str, Rpc] = {
    f"{rpc.service.rpartition('.')[2]}.{rpc.name}": rpc for _, rpc in public_rpcs(read_contract(IMAGE))
}
CREATES = {
    f"{service['name']}.{method['name']}"
    for file in IMAGE["file"]
    for service in file.get("service", [])
    for method in service["method"]
    if method.get("options", {}).get("[argosy.policy.v1.method]", {}).get("creates")
}


@dataclass(frozen=True)
class Scene:
    """Who there is, and what there is of theirs."""

    shop: Shop
    owner: Customer
    stranger: Customer
    staff: Customer
    order: str
    """The owner's, and pending."""
    paid: str
    """The owner's payment of another order, captured."""
    product: str
    """One that no other test knows."""


@dataclass(frozen=True)
class Ask:
    """What a call needs besides its method and path."""

    who: Customer | None
    """Whom it is for."""
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path, by field; what is left over goes into the query."""
    body: object = None
    answers: Mapping[str, object] = field(default_factory=dict)
    """Some of what is answered."""
    stranger: int | None = 404
    """How somebody else is turned away; None when the same call is about something of their own then."""
    headers: Mapping[str, str] = field(default_factory=dict)


Row = Callable[[Scene], Awaitable[Ask]]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Makes a function the row of an rpc."""

    def note(make: Row) -> Row:
        assert name not in ROWS, name
        ROWS[name] = make
        return make

    return note


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


# Accounts


@row("UserService.Register")
async def register(scene: Scene) -> Ask:
    return Ask(None, body=a_person())


@row("UserService.Login")
async def login(scene: Scene) -> Ask:
    return Ask(None, body={"email": scene.owner.email, "password": scene.owner.password})


@row("UserService.GetUser")
async def get_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, answers={"id": scene.owner.id, "accountStatus": "active"})


@row("UserService.UpdateUser")
async def update_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, {"firstName": "Augusta"}, {"firstName": "Augusta"})


@row("UserService.ReplaceUser")
async def replace_user(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.owner.id}, {"profile": {"bio": "Brief"}}, {"profile": {"bio": "Brief"}})


@row("UserService.DeleteUser")
async def delete_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    return Ask(person, {"id": person.id}, answers={"accountStatus": "deleted"})


@row("UserService.SuspendUser")
async def suspend_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    return Ask(scene.staff, {"id": person.id}, {}, {"accountStatus": "suspended"})


@row("UserService.ReinstateUser")
async def reinstate_user(scene: Scene) -> Ask:
    person = await scene.shop.register()
    answered(await scene.staff.call("POST", f"/users/{person.id}:suspend", {}), 200)
    return Ask(scene.staff, {"id": person.id}, {}, {"accountStatus": "active"})


@row("UserService.ChangePassword")
async def change_password(scene: Scene) -> Ask:
    person = await scene.shop.register()
    # With somebody else's token it is a wrong old password.
    said = {"oldPassword": person.password, "newPassword": uuid.uuid4().hex}
    return Ask(person, body=said, stranger=400)


@row("UserService.RequestPasswordReset")
async def request_password_reset(scene: Scene) -> Ask:
    return Ask(None, body={"email": (await scene.shop.register()).email})


@row("UserService.ConfirmPasswordReset")
async def confirm_password_reset(scene: Scene) -> Ask:
    person = await scene.shop.register()
    await ask_for_reset(scene.shop, person.email)
    (mail,) = await mails(scene.shop, person.email, RESET, 1)
    return Ask(None, body={"token": token_in(mail, "reset-password"), "newPassword": uuid.uuid4().hex})


@row("UserService.RequestEmailVerification")
async def request_email_verification(scene: Scene) -> Ask:
    return Ask(await scene.shop.register(), body={}, stranger=None)


@row("UserService.VerifyEmail")
async def verify_email(scene: Scene) -> Ask:
    person = await scene.shop.register()
    (mail,) = await mails(scene.shop, person.email, WELCOME, 1)
    return Ask(None, body={"token": token_in(mail, "verify-email")})


@row("UserService.Logout")
async def logout(scene: Scene) -> Ask:
    return Ask(await scene.shop.register(), body={}, stranger=None)


@row("UserService.ListSessions")
async def list_sessions(scene: Scene) -> Ask:
    return Ask(scene.owner, {"pageSize": "1"}, stranger=None)


@row("UserService.RevokeSession")
async def revoke_session(scene: Scene) -> Ask:
    person = await scene.shop.register()
    (session,) = (await person.get("/users/me/sessions"))["sessions"]
    return Ask(await person.sign_in(), {"id": session["id"]})


# Orders


@row("OrderService.CreateOrder")
async def create_order(scene: Scene) -> Ask:
    # The order says whose it is; anybody else's token does not fit.
    body = {"userId": scene.owner.id, **an_order(), "shippingAddress": ADDRESS}
    return Ask(scene.owner, body=body, answers={"status": "pending", "totalAmount": "59.98"}, stranger=400)


@row("OrderService.GetOrder")
async def get_order(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.order}, answers={"id": scene.order, "status": "pending"})


@row("OrderService.ListOrders")
async def list_orders(scene: Scene) -> Ask:
    return Ask(scene.owner, {"status": "confirmed"}, stranger=None)


@row("OrderService.GetOrderHistory")
async def get_order_history(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.order})


@row("OrderService.WatchOrder")
async def watch_order(scene: Scene) -> Ask:
    order = await scene.owner.order()
    answered(await scene.owner.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    return Ask(scene.owner, {"id": order["id"]}, answers={"id": order["id"], "status": "cancelled"})


@row("OrderService.UpdateOrderStatus")
async def update_order_status(scene: Scene) -> Ask:
    order = await scene.owner.order()
    return Ask(scene.owner, {"id": order["id"]}, {"status": "cancelled"}, {"status": "cancelled"})


# Payments


@row("PaymentService.CreatePayment")
async def create_payment(scene: Scene) -> Ask:
    order = await scene.owner.order()
    body = {"orderId": order["id"], "amount": 59.98, "currency": "USD", "paymentMethodId": VISA}
    return Ask(scene.owner, body=body, answers={"status": "succeeded", "amount": "59.98", "currency": "USD"})


@row("PaymentService.GetPayment")
async def get_payment(scene: Scene) -> Ask:
    return Ask(scene.owner, {"id": scene.paid}, answers={"paymentId": scene.paid, "status": "succeeded"})


@row("PaymentService.ListPayments")
async def list_payments(scene: Scene) -> Ask:
    return Ask(scene.owner, {"orderId": scene.order}, answers={"payments": []}, stranger=None)


@row("PaymentService.ConfirmPayment")
async def confirm_payment(scene: Scene) -> Ask:
    payment = await scene.owner.pay(await scene.owner.order(), CHALLENGED)
    await scene.owner.approve(payment)
    return Ask(scene.owner, {"id": payment["paymentId"]}, {}, {"status": "succeeded"})


@row("PaymentService.CreateRefund")
async def create_refund(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.paid}, {"amount": 1.5}, {"amount": "1.50"})


@row("PaymentService.ListRefunds")
async def list_refunds(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.paid})


@row("PaymentService.HandleStripeWebhook")
async def handle_stripe_webhook(scene: Scene) -> Ask:
    about = {"id": f"pi_{uuid.uuid4().hex}", "object": "payment_intent", "metadata": {}}
    payload = webhook("payment_intent.succeeded", about)
    headers = signed(scene.shop.stack, payload)
    return Ask(None, body=payload.decode(), headers=headers, answers={"received": True})


# Catalog


@row("ProductService.ListProducts")
async def list_products(scene: Scene) -> Ask:
    return Ask(None, {"pageSize": "1"})


@row("ProductService.GetProduct")
async def get_product(scene: Scene) -> Ask:
    return Ask(None, {"id": "prod-123"}, answers={"price": "29.99", "currency": "USD"})


@row("ProductService.CreateProduct")
async def create_product(scene: Scene) -> Ask:
    product = {"id": f"table-{uuid.uuid4().hex[:12]}", "name": "Chair", "price": 4.5, "currency": "USD"}
    return Ask(scene.staff, body=product, answers={"id": product["id"], "price": "4.50", "available": 0})


@row("ProductService.UpdateProduct")
async def update_product(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product}, {"price": "2.25"}, {"price": "2.25"})


@row("ProductService.AdjustStock")
async def adjust_stock(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product}, {"delta": 3})


@row("ProductService.ListStockMoves")
async def list_stock_moves(scene: Scene) -> Ask:
    return Ask(scene.staff, {"id": scene.product})


# Notifications


@row("NotificationService.ListNotifications")
async def list_notifications(scene: Scene) -> Ask:
    return Ask(scene.owner, {"pageSize": "1"}, stranger=None)


@row("NotificationService.GetPreferences")
async def get_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, stranger=None)


@row("NotificationService.UpdatePreferences")
async def update_preferences(scene: Scene) -> Ask:
    return Ask(scene.owner, body={"preferences": [{"kind": "order_shipped", "email": False}]}, stranger=None)


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
    assert set(ROWS) == set(RPCS), "add a row for each new rpc (see the top), and take out those that are gone"


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
    told = await scene.owner.get("/notifications/preferences")
    return [*people, told, await scene.shop.product(scene.product)]


@pytest.mark.parametrize("name", ROWS)
async def test_whom_it_is_for_is_answered(scene: Scene, name: str) -> None:
    ask = await ROWS[name](scene)
    answer = await call(scene, name, ask, ask.who.token if ask.who else None)
    assert answer.status == (201 if name in CREATES else 200), f"{answer.command}: {answer.text}"
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
