"""What people, operators and Stripe do so that every crash point is come to. Each scenario may be repeated without end.

Customers and staff repeat a request under its idempotency key until it is answered (tests/chaos/visitor.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import jwt
from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

from argosy.inventory.v1 import reservation_pb2
from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from facts.system import system
from local import credentials, topology
from services.chassis.plain import clock
from services.chassis.plain.crash_points import VARIABLE
from services.order.adapters.facts import event_id
from services.order.domain.history import Commit, first_commit_id
from services.order.use_cases.place_order import order_id_of
from services.user.adapters.signing_keys import KeyFiles
from tests.chaos.customers import PLENTY, Customer
from tests.chaos.faults import POISON
from tests.chaos.record import Json, Record
from tests.chaos.staff import Staff
from tests.chaos.visitor import Visitor
from tests.contract.support import bearer, service_token
from tests.support import crash_points, letters
from tests.support.argosy import argosy
from tests.support.crash_points import COMMANDS
from tests.support.parts import Parts
from tests.support.real_stack import RealStack
from tests.support.shop import ADDRESS, CHALLENGED, CREDIT, VISA, Shop, a_person
from tests.support.stock import release_holds

_LOOK_SECONDS = 0.3
_MAIL_AWAY_SECONDS = 10.0
_TOPICS = ("user-events", "order-events", "payment-events", "inventory-events")


@dataclass
class People:
    """Who does it, and on which stack."""

    stack: RealStack
    shop: Shop
    record: Record
    staff: Staff
    customers: Sequence[Customer]
    done: Counter[str]
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    expired_by_hand: set[str] = field(default_factory=set)
    """Orders whose holds a scenario let expire."""

    @property
    def customer(self) -> Customer:
        """One of the customers."""
        return self.chance.choice(self.customers)

    async def visitor(self, person: Mapping[str, str], key: str) -> Visitor:
        """Somebody who registers now."""
        nobody = Visitor("nobody", "", self.shop, self.record, self.chance, self.done)
        found = await nobody.insist("POST", "/users/register", dict(person), key)
        return Visitor(person["email"], found.answer["token"], self.shop, self.record, self.chance, self.done)

    async def order(self, customer: Visitor, product: str = PLENTY, key: str | None = None) -> Json:
        """A new order of somebody's. Raises KeyError for a refusal."""
        body = {"items": [{"productId": product, "quantity": 1}], "shippingAddress": ADDRESS}
        found = await customer.insist("POST", "/orders", body, key or customer.new_key())
        _ = found.answer["totalAmount"]
        return found.answer

    async def pay(self, customer: Visitor, order: Json, card: str = VISA, **more: str) -> Json:
        """A payment of an order. Raises KeyError for a refusal."""
        body = {"orderId": order["id"], "paymentMethodId": card, **more}
        found = await customer.insist("POST", "/payments", body, customer.new_key())
        _ = found.answer["paymentId"]
        return found.answer

    async def cancel(self, customer: Visitor, order: Json) -> None:
        """Somebody does not want their order any more."""
        await customer.insist("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"})

    async def mailed_tokens(self, email: str, page: str) -> list[str]:
        """The tokens in somebody's mails for a page of the web app, the newest last; waits for one for a while."""
        link = re.compile(rf"/{page}#token=([\w-]+)")
        for _ in range(40):
            if found := [one[1] for mail in await self.shop.mails_to(email) if (one := link.search(mail["text"]))]:
                return found
            await asyncio.sleep(_LOOK_SECONDS)
        return []


@asynccontextmanager
async def database(stack: RealStack, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A service's database, as its owner sees it."""
    connection = await asyncpg.connect(stack.postgres_url(service))
    try:
        yield connection
    finally:
        await connection.close()


async def account(people: People) -> None:
    """Somebody registers, verifies, forgets and changes their password, is suspended, and goes."""
    async with database(people.stack, "user") as connection:
        await connection.execute("DELETE FROM mail_asks")  # all these people ask from one address
    person, key = a_person(), str(uuid.uuid4())
    somebody = await people.visitor(person, key)
    await people.visitor(person, key)  # the same call again
    wrong = {"email": person["email"], "password": "wrong horse"}
    await replace(somebody, token="").insist("POST", "/users/login", wrong)
    await somebody.insist("PATCH", "/users/me", {"firstName": f"Ada {people.chance.randint(1, 999)}"})
    await somebody.insist("PATCH", "/notifications/preferences", {"preferences": [{"kind": "welcome", "email": True}]})
    wanted = {"preferences": [{"kind": "order_confirmed", "email": True}]}
    await somebody.insist("PATCH", "/notifications/preferences", wanted)
    for _ in range(2):  # the second voids the first, whose mail may not have been sent
        await somebody.insist("POST", "/users/me/email-verification", {})
    for _ in range(10):  # until the mail with the good token has come
        newest = (await people.mailed_tokens(person["email"], "verify-email"))[-1:]
        for token in newest:
            await somebody.insist("POST", "/users/verify-email", {"token": token})
        if (await somebody.insist("GET", "/users/me")).answer.get("emailVerified"):
            break
        await asyncio.sleep(_LOOK_SECONDS)
    await somebody.insist("POST", "/users/password-reset", {"email": person["email"]})
    for token in (await people.mailed_tokens(person["email"], "reset-password"))[-1:]:
        body = {"token": token, "newPassword": "another correct horse"}
        await somebody.insist("POST", "/users/password-reset:confirm", body)
    somebody.token = ""
    await _leave(people, somebody, person)
    await _move(people)


async def _move(people: People) -> None:
    """Somebody else changes their address, and takes it back."""
    person = a_person()
    somebody = await people.visitor(person, str(uuid.uuid4()))
    change = {"email": f"new.{person['email']}", "currentPassword": person["password"]}
    await somebody.insist("PATCH", "/users/me", change)
    for token in (await people.mailed_tokens(person["email"], "undo-email-change"))[-1:]:
        await somebody.insist("POST", "/users/email-change:undo", {"token": token})


async def _leave(people: People, somebody: Visitor, person: Mapping[str, str]) -> None:
    password = "another correct horse"
    found = await somebody.insist("POST", "/users/login", {"email": person["email"], "password": password})
    if found.status != 200:  # no mail came in time
        password = person["password"]
        found = await somebody.insist("POST", "/users/login", {"email": person["email"], "password": password})
    somebody.token, account_id = found.answer["token"], found.answer["user"]["id"]
    changed = {"oldPassword": password, "newPassword": "the last horse"}
    await somebody.insist("POST", "/users/me/password", changed)
    for action in ("suspend", "reinstate"):
        await people.staff.insist("POST", f"/users/{account_id}:{action}", {})
    again = {"email": person["email"], "password": "the last horse"}
    somebody.token = ""
    somebody.token = (await somebody.insist("POST", "/users/login", again)).answer["token"]
    await somebody.insist("POST", "/users/logout", {})
    somebody.token = ""
    somebody.token = (await somebody.insist("POST", "/users/login", again)).answer["token"]
    if people.chance.random() < 0.5:
        await somebody.insist("DELETE", "/users/me")


async def catalog(people: People) -> None:
    """Staff put a product into the catalog, change it, and fill the shelf."""
    staff, product = people.staff, f"crash-{uuid.uuid4().hex[:8]}"
    body = {"id": product, "name": "New", "description": "", "price": 10, "currency": "USD"}
    await staff.insist("POST", "/products", body, staff.new_key())
    await staff.insist("PATCH", f"/products/{product}", {"price": 11})
    await staff.insist("POST", f"/products/{product}/stock", {"delta": 1, "reason": "delivery"}, staff.new_key())
    await _sold_out(people, product)


async def _sold_out(people: People, product: str) -> None:
    """The last piece is paid for, and its hold has ended and somebody else has it: it is short."""
    first, second = people.customers[:2]
    order = await people.order(first, product)
    people.expired_by_hand.add(order["id"])
    await release_holds(people.stack, [order["id"]])
    await people.order(second, product)
    await people.pay(first, order)


async def challenge_not_wanted(people: People) -> None:
    """Somebody cancels an order whose payment waits for their bank; somebody else pays as a customer of Stripe's."""
    customer = people.customer
    order = await people.order(customer)
    await people.pay(customer, order, CHALLENGED)
    await people.cancel(customer, order)
    owner = {"metadata[user_id]": _claims(customer.token)["sub"]}
    at_stripe = await people.shop.sandbox.ask("POST", "/v1/customers", data=owner)
    with contextlib.suppress(KeyError):
        await people.pay(customer, await people.order(customer), customerId=at_stripe["id"])


async def store_credit(people: People) -> None:
    """Staff grant credit, with which somebody pays and then cancels; somebody without any tries to pay with it."""
    customer, staff = people.customer, people.staff
    granted = {"userId": _claims(customer.token)["sub"], "amount": 500, "currency": "USD", "reason": "a late parcel"}
    await staff.insist("POST", "/credit/grants", granted, staff.new_key())
    order = await people.order(customer)
    await people.pay(customer, order, CREDIT)
    await people.cancel(customer, order)
    nobody = await people.visitor(a_person(), str(uuid.uuid4()))
    await people.pay(nobody, await people.order(nobody), CREDIT)


async def disputed(people: People) -> None:
    """A bank takes money back, the order is cancelled meanwhile, and the bank decides for the shop."""
    customer = people.customer
    order = await people.order(customer)
    payment = await people.pay(customer, order)
    intent = await _intent_of(people, payment["paymentId"])
    sandbox = people.shop.sandbox
    dispute = await sandbox.ask("POST", "/_sandbox/disputes", json={"payment_intent": intent})
    await people.cancel(customer, order)
    for _ in range(4):
        await asyncio.sleep(1)
        async with database(people.stack, "payment") as connection:  # rather than minutes later
            due = "UPDATE payments SET check_at = now() WHERE id = $1 AND give_back"
            await connection.execute(due, uuid.UUID(payment["paymentId"]))
    await sandbox.ask("POST", f"/_sandbox/disputes/{dispute['id']}", json={"outcome": "won"})


async def never_stored(people: People) -> None:
    """Stock is held for an order that is never stored, or that was closed before it was stored."""
    stub = ReservationServiceStub
    async with grpc.aio.insecure_channel(people.stack.grpc_target("inventory")) as channel:
        metadata = bearer(service_token(people.stack, "order"))
        lost, items = str(uuid.uuid4()), [reservation_pb2.ReservationItem(product_id=PLENTY, quantity=1)]
        request = reservation_pb2.ReserveStockRequest(order_id=lost, items=items)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await stub(channel).ReserveStock(request, metadata=metadata, timeout=5)
        for order_id in people.customer.orders[-1:]:  # it has been sold by now, or given back: nothing changes
            async with database(people.stack, "inventory") as connection:
                status = await connection.fetchval(
                    "SELECT status FROM reservations WHERE order_id = $1", uuid.UUID(order_id)
                )
            with contextlib.suppress(grpc.aio.AioRpcError):
                if status == "committed":
                    sold = reservation_pb2.CommitReservationRequest(order_id=order_id)
                    await stub(channel).CommitReservation(sold, metadata=metadata, timeout=5)
                if status == "released":
                    given = reservation_pb2.ReleaseReservationRequest(order_id=order_id)
                    await stub(channel).ReleaseReservation(given, metadata=metadata, timeout=5)


async def closed_too_early(people: People) -> None:
    """An order is closed while it is being placed: what was held for it goes back."""
    customer = people.customer
    token: dict[str, Any] = _claims(customer.token)
    key = customer.new_key()
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(people.stack.mongo_url("orders"))
    try:
        commits = client.get_default_database()["commits"]
        await commits.insert_one(
            {"_id": first_commit_id(order_id_of(uuid.UUID(token["sub"]), key)), "closedAt": clock.now()}
        )
    finally:
        client.close()
    with contextlib.suppress(KeyError):
        await people.order(customer, key=key)


async def poison(people: People) -> None:
    """Records that nobody can read: each group makes them dead letters."""
    producer = AIOKafkaProducer(bootstrap_servers=people.stack.kafka_bootstrap)
    await producer.start()
    try:
        for topic in _TOPICS:
            await producer.send_and_wait(topic, b"\xff\xfe no event", key=POISON + uuid.uuid4().hex.encode())
    finally:
        await producer.stop()


async def poison_now_and_then(people: People) -> None:
    """So seldom that no consumer stops: that happens after ten dead letters in a row."""
    await poison(people)
    for _ in range(2):
        await people.order(people.customer)
        await asyncio.sleep(15)


async def handled_again(people: People) -> None:
    """Staff have dead letters of a paid order handled again by every service."""
    customer = people.customer
    order = await people.order(customer)
    await people.pay(customer, order)
    for service in letters.EVENTS:
        letter = await letters.make_dead(people.stack, service, order["id"], key=POISON + uuid.uuid4().hex.encode())
        await people.staff.insist("POST", f"/staff/dead-letters/{service}/{letter}:redrive", {})


async def out_of_date(people: People) -> None:
    """Every service with PostgreSQL has something to delete. It looks whenever it starts."""
    for one in system().with_store("postgres"):
        async with database(people.stack, one.name) as connection:
            await connection.execute(
                "INSERT INTO idempotency_keys (scope, key, fingerprint, created_at)"
                " VALUES ('old', gen_random_uuid()::text, '', now() - interval '9 days')"
            )
    await asyncio.sleep(2)


async def mail_is_refused(people: People) -> None:
    """The mail server refuses an address, and is away for a moment."""
    customer = people.customer
    user = uuid.UUID(_claims(customer.token)["sub"])
    await _address(people, user, "not an address@@")
    try:
        with contextlib.suppress(KeyError):
            await people.pay(customer, await people.order(customer))
        await asyncio.sleep(4)
    finally:
        await _address(people, user, f"ada.{uuid.uuid4().hex}@example.com")
    order = await people.order(customer)
    async with Parts(people.stack).away("mail"):
        # While the others die, a payment may take minutes: everybody else needs their mails.
        paying = asyncio.create_task(people.pay(customer, order))
        await asyncio.wait({paying}, timeout=_MAIL_AWAY_SECONDS)
        await asyncio.sleep(3)
    with contextlib.suppress(KeyError):
        await paying


async def _address(people: People, user: uuid.UUID, email: str) -> None:
    """Give somebody another address, to which what waits is sent at once."""
    async with database(people.stack, "notification") as connection:
        await connection.execute("UPDATE recipients SET email = $2 WHERE user_id = $1", user, email)
        await connection.execute(
            "UPDATE messages SET next_attempt_at = now() WHERE user_id = $1 AND status = 'pending'", user
        )


async def stores_differ(people: People) -> None:
    """Somebody writes into tables by hand; the reconciliation finds it and repairs it."""
    async with database(people.stack, "inventory") as connection:
        await connection.execute("UPDATE products SET held = held + 1 WHERE id = $1", PLENTY)
    customer = people.customer
    for is_cancelled in (False, True):  # an order whose payment is another's: it is paid, or its money goes back
        order, other = await people.order(customer), await people.order(customer)
        payment = await people.pay(customer, other)
        if is_cancelled:
            await people.cancel(customer, order)
        async with database(people.stack, "payment") as connection:
            await connection.execute(
                "UPDATE payments SET order_id = $2::uuid WHERE id = $1::uuid", payment["paymentId"], order["id"]
            )
            await connection.execute(
                "INSERT INTO drifts (comparison, kind, subject, ours, theirs, outcome) SELECT 'stripe',"
                " 'stripe_state_differs', stripe_payment_intent_id, '', '', 'mended' FROM payments"
                " WHERE id = $1::uuid AND stripe_payment_intent_id IS NOT NULL ON CONFLICT DO NOTHING",
                payment["paymentId"],
            )
        await people.cancel(customer, other)
    await _event_lost(people, customer)
    await _mails_differ(people)


async def _event_lost(people: People, customer: Customer) -> None:
    """Inventory never applies that an order is confirmed: its inbox has the event already."""
    order = await people.order(customer)
    confirmed = event_id(Commit(uuid.UUID(order["id"]), 2, clock.now(), (), ""), 0)
    async with database(people.stack, "inventory") as connection:
        await connection.execute(
            "INSERT INTO inbox (consumer, event_id) VALUES ('inventory-service-group', $1)", confirmed
        )
    await people.pay(customer, order)


async def _mails_differ(people: People) -> None:
    """Of the mails of somebody who wants none of them, and leaves: one is lost, and one waits for too long."""
    person = a_person()
    somebody = await people.visitor(person, str(uuid.uuid4()))
    unwanted = {"preferences": [{"kind": "order_cancelled", "email": False}]}
    await somebody.insist("PATCH", "/notifications/preferences", unwanted)
    orders = [await people.order(somebody) for _ in range(2)]
    for order in orders:
        await people.cancel(somebody, order)
    await asyncio.sleep(3)
    lost, late = (order["id"] for order in orders)
    async with database(people.stack, "notification") as connection:
        await connection.execute("DELETE FROM messages WHERE order_id = $1::uuid AND status = 'dropped'", lost)
        await connection.execute(
            "UPDATE messages SET status = 'pending', created_at = now() - interval '2 days',"
            " next_attempt_at = now() + interval '1 minute' WHERE order_id = $1::uuid AND status = 'dropped'",
            late,
        )
    await asyncio.sleep(20)  # until the reconciliation has come by
    await somebody.insist("DELETE", "/users/me")


CROWD: Mapping[Callable[[People], Awaitable[None]], tuple[str, ...]] = {
    account: ("user.", "call.MintMailToken.", "notification.drop.", "notification.keep_preferences."),
    catalog: ("inventory.", "idempotency."),
    challenge_not_wanted: ("stripe.",),
    store_credit: ("store_credit.", "payment.grant_credit."),
    disputed: ("stripe.disputes_of.", "payment.dispute.", "payment.give_back."),
    never_stored: ("call.ResolveOrders.", "order.closed", "inventory."),
    closed_too_early: ("call.ReleaseReservation.", "inventory.release."),
    poison_now_and_then: ("dead_letter.",),
    handled_again: ("letter.",),
    out_of_date: ("housekeeping.",),
    stores_differ: (
        *("inventory.reconcile.", "inventory.sell_again.", "payment.confirm_again.", "payment.end_order_again."),
        *("stripe.page_of_charges.", "stripe.see_charge.", "call.LookUpOrders."),
        *("notification.make_due.", "notification.write_again."),
    ),
    mail_is_refused: ("notification.put_off.", "notification.hand_back."),
}
"""What goes on side by side while people buy, each for as long as nobody has died at some of these points."""


async def _intent_of(people: People, payment_id: str) -> str:
    async with database(people.stack, "payment") as connection:
        found = await connection.fetchval(
            "SELECT stripe_payment_intent_id FROM payments WHERE id = $1", uuid.UUID(payment_id)
        )
    assert found, f"payment {payment_id} has no intent yet"
    return str(found)


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


# What needs quiet: it spoils the next request to Stripe, whoever makes it.


async def answers_are_lost(people: People) -> None:
    """Stripe charges and does not answer; the order is cancelled before the outcome is known."""
    customer = people.customer
    order = await people.order(customer)
    await people.shop.sandbox.drop_next_answers(3)
    with contextlib.suppress(KeyError):
        await people.pay(customer, order)
    await people.cancel(customer, order)
    await asyncio.sleep(2)


async def spent_key(people: People) -> None:
    """Stripe failed so often under a payment's key that it is searched for, rather than asked for again."""
    customer = people.customer
    payment = await people.pay(customer, await people.order(customer), CHALLENGED)
    payment_id = uuid.UUID(payment["paymentId"])
    async with database(people.stack, "payment") as connection:
        await connection.execute(
            "UPDATE payments SET status = 'processing', stripe_payment_intent_id = NULL, challenge_ends_at = NULL,"
            " server_errors = 3, check_at = now() WHERE id = $1",
            payment_id,
        )
        for _ in range(100):
            if await connection.fetchval("SELECT stripe_payment_intent_id FROM payments WHERE id = $1", payment_id):
                return
            await asyncio.sleep(_LOOK_SECONDS)


async def refund_fails(people: People) -> None:
    """Stripe's servers fail at a refund, and Stripe refuses another, since the money went back from its dashboard."""
    customer, sandbox = people.customer, people.shop.sandbox
    payment = await _paid(people, customer)
    await sandbox.ask("POST", "/_sandbox/faults", json={"kind": "error", "count": 1})
    await _refund(people, payment, "1.00")
    payment = await _paid(people, customer)
    await sandbox.control(webhooks_stopped=True)
    intent = await _intent_of(people, payment["paymentId"])
    whole = int((await sandbox.intent(intent))["amount_received"])
    await sandbox.ask("POST", "/v1/refunds", data={"payment_intent": intent, "amount": str(whole - 100)})
    await _refund(people, payment, "5.00")
    await sandbox.control(webhooks_stopped=False)


async def stripe_forgets(people: People) -> None:
    """Stripe does not know an intent. Somebody puts that right, and has the payment tried again."""
    customer = people.customer
    payment = await people.pay(customer, await people.order(customer), CHALLENGED)
    payment_id = uuid.UUID(payment["paymentId"])
    intent = await _intent_of(people, payment["paymentId"])
    name = "UPDATE payments SET stripe_payment_intent_id = $2, check_at = now() WHERE id = $1"
    async with database(people.stack, "payment") as connection:
        await connection.execute(name, payment_id, f"pi_{uuid.uuid4().hex}")
        for _ in range(100):
            if await connection.fetchval("SELECT stranded FROM payments WHERE id = $1", payment_id):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await connection.execute(name, payment_id, intent)
    await argosy("payments", "retry", str(payment_id), environment=people.stack.stack.environment)


async def _paid(people: People, customer: Customer) -> Json:
    order = await people.order(customer)
    payment = await people.pay(customer, order)
    for _ in range(100):
        if (await customer.insist("GET", f"/orders/{order['id']}")).answer["status"] == "confirmed":
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return payment


async def _refund(people: People, payment: Json, amount: str) -> None:
    body = {"amount": amount, "reason": "requested_by_customer"}
    path = f"/payments/{payment['paymentId']}/refunds"
    await people.staff.insist("POST", path, body, people.staff.new_key())


CALM: Sequence[Callable[[People], Awaitable[None]]] = (answers_are_lost, spent_key, refund_fails, stripe_forgets)
"""What goes on one after the other, once nobody buys any more."""


@dataclass(frozen=True)
class Commands:
    """The commands that operators call, each of which dies at its points and is then called again."""

    people: People
    room: Path
    """For files of theirs."""

    async def all(self) -> None:
        """Call them all, one after the other."""
        for _ in range(2):
            await _paid(self.people, self.people.customer)
        await self.keys()
        await self.staff()
        await self.mail()
        await self.payments()
        await self.seed()
        await self.migrate()
        await self.redrive()
        await self.rebuild()

    async def keys(self) -> None:
        """Keys that a rotation which died left unfinished are gone; nothing is half done."""
        directory = self.room / "keys"
        directory.mkdir()
        for age in (90, 60):
            KeyFiles(directory).add(clock.now() - age * _A_DAY)
        place = ("--directory", str(directory))
        await self._dies("keys.written", "keys", "rotate", *place)
        await self._dies("keys.renamed", "keys", "rotate", *place)
        await self._succeeds("keys", "rotate", *place)
        files = sorted(directory.iterdir())
        assert [file.suffix for file in files] == [".pem"] * 3, files
        await self._dies("keys.removed", "keys", "retire", files[0].stem, *place)
        assert not files[0].exists()

    async def staff(self) -> None:
        """A role that is granted and taken."""
        person = a_person()
        await self.people.visitor(person, str(uuid.uuid4()))
        await self._dies("user.change_staff.before_commit", "staff", "grant", person["email"])
        await self._dies("user.change_staff.committed", "staff", "grant", person["email"])
        await self._succeeds("staff", "grant", person["email"])
        await self._succeeds("staff", "revoke", person["email"])

    async def mail(self) -> None:
        """A parked mail is tried again."""
        for point in ("notification.retry.before_commit", "notification.retry.committed"):
            async with database(self.people.stack, "notification") as connection:
                parked = await connection.fetchval(
                    "UPDATE messages SET status = 'parked', sent_at = NULL, attempts = 10, error = 'test'"
                    " WHERE id = (SELECT id FROM messages WHERE type = 'welcome' AND status = 'sent' LIMIT 1)"
                    " RETURNING id"
                )
            await self._dies(point, "mail", "retry", str(parked))
        await self._succeeds("mail", "retry", "--all")

    async def payments(self) -> None:
        """A payment that needs a person is tried again, and settled otherwise."""
        for action, more, name in (("retry", (), "retry"), ("close", ("--how", "by hand"), "settle_otherwise")):
            for side in ("before_commit", "committed"):
                payment_id = await self._stranded()
                await self._dies(f"payment.{name}.{side}", "payments", action, payment_id, *more)

    async def _stranded(self) -> str:
        people = self.people
        customer = people.customer
        payment = await people.pay(customer, await people.order(customer), CHALLENGED)
        async with database(people.stack, "payment") as connection:
            strand = "UPDATE payments SET stranded = 'unknown_at_stripe' WHERE id = $1"
            await connection.execute(strand, uuid.UUID(payment["paymentId"]))
        return str(payment["paymentId"])

    async def seed(self) -> None:
        """A catalog is put in, once."""
        product = f"seed-{uuid.uuid4().hex[:8]}"
        file = self.room / "catalog.json"
        file.write_text(json.dumps([{"id": product, "name": "Seed", "price": "1.00", "stock": 5}]))
        command = ("services.inventory.entrypoints.seed", str(file))
        for side in ("before_commit", "committed"):
            await self._module_dies(f"inventory.seed.{side}", "inventory", *command)
        assert await self._module("inventory", *command) == 0
        async with database(self.people.stack, "inventory") as connection:
            assert await connection.fetchval("SELECT on_hand FROM products WHERE id = $1", product) == 5

    async def migrate(self) -> None:
        """A new database gets its schema, one migration after the other."""
        stack = self.people.stack
        name = f"crash_{uuid.uuid4().hex[:8]}"
        admin = await asyncpg.connect(stack.postgres_url("postgres"))
        try:
            await admin.execute(f"CREATE DATABASE {name} OWNER inventory")
        finally:
            await admin.close()
        url = {"DATABASE_URL": stack.postgres_url("inventory", name)}
        for side in ("before_commit", "committed"):
            await self._module_dies(f"migration.{side}", "inventory", "services.inventory", "migrate", **url)
        assert await self._module("inventory", "services.inventory", "migrate", **url) == 0

    async def redrive(self) -> None:
        """A dead letter is sent again."""
        await poison(self.people)
        for point in ("redrive.before_send", "redrive.sent", "redrive.noted"):
            waiting = (await argosy("dlq", "list", "--json", environment=self.people.stack.stack.environment)).rows
            await self._dies(point, "dlq", "redrive", waiting[0]["letter"])

    async def rebuild(self) -> None:
        """Lists of orders that are wrong are put right. The service is away: its reconciliation would be first."""
        async with Parts(self.people.stack).away("order"):
            await self._rebuild_dies()
        await self._succeeds("orders", "rebuild")

    async def _rebuild_dies(self) -> None:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(self.people.stack.mongo_url("orders"))
        try:
            orders = client.get_default_database()["orders"]
            for point in ("before_mend", "removed", "replaced", "counted", "shown"):
                known = [one["_id"] for one in await orders.find({"status": "confirmed"}, {"_id": 1}).to_list(3)]
                if point == "shown":
                    await orders.delete_one({"_id": known[0]})
                elif point in ("replaced", "counted"):
                    await orders.update_one({"_id": known[1]}, {"$set": {"status": "shipped"}})
                else:
                    await orders.insert_one({"_id": str(uuid.uuid4()), "userId": "nobody", "version": 1})
                await self._dies(f"rebuild.{point}", "orders", "rebuild")
        finally:
            client.close()

    async def _dies(self, point: str, *arguments: str) -> None:
        place = crash_points.directory(self.people.stack.stack, COMMANDS)
        place.arm(point)
        environment = {**self.people.stack.stack.environment, VARIABLE: str(place.path)}
        found = await argosy(*arguments, environment=environment)
        assert found.code == -signal.SIGKILL, f"{point}: argosy {arguments} ended with {found}"

    async def _succeeds(self, *arguments: str) -> None:
        found = await argosy(*arguments, environment=self.people.stack.stack.environment)
        assert found.code == 0, f"argosy {arguments} ended with {found}"

    async def _module_dies(self, point: str, service: str, *command: str, **more: str) -> None:
        place = crash_points.directory(self.people.stack.stack, COMMANDS)
        place.arm(point)
        code = await self._module(service, *command, **{VARIABLE: str(place.path), **more})
        assert code == -signal.SIGKILL, f"{point}: {command} ended with {code}"

    async def _module(self, service: str, *command: str, **more: str) -> int:
        stack = self.people.stack
        table = topology.parts(stack.stack, credentials.read(stack.stack.secrets))
        part = next(part for part in table if part.name == service)
        environment = {**os.environ, **stack.stack.environment, **part.environment, **more}
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, env=environment)
        return await process.wait()


_A_DAY = clock.from_text("2026-01-02T00:00:00Z") - clock.from_text("2026-01-01T00:00:00Z")
