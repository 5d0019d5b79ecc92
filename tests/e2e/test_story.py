"""`argosy story`: one timeline of an order over all services, from their own stores and the laptop's logs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from tests.support.argosy import argosy
from tests.support.shop import ADDRESS, VISA, Customer, Shop, answered, until


def seen(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["service"], row["kind"]) for row in rows}


async def test_a_purchase_and_its_refund_are_shown_in_order_by_every_service(shop: Shop, customer: Customer) -> None:
    order = await customer.order()
    await customer.pay(order)
    await customer.until_order_is(order, "confirmed")
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)

    async def shown() -> list[dict[str, Any]]:
        return (await argosy("story", order["id"], "--json", environment=shop.stack.stack.environment)).rows

    def complete(rows: list[dict[str, Any]]) -> bool:
        sent = [row["text"] for row in rows if row["kind"] == "mail" and "is sent" in row["text"]]
        return len(sent) == 3 and not any(row["kind"] == "waiting" for row in rows)

    rows = await until(shown, complete, "the order's story is complete")
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert seen(rows) >= {
        ("order", "event"),
        ("order", "call"),
        ("payment", "event"),
        ("payment", "published"),
        ("payment", "handled"),
        ("payment", "payment"),
        ("payment", "ledger"),
        ("payment", "call"),
        ("inventory", "event"),
        ("inventory", "handled"),
        ("inventory", "stock"),
        ("notification", "handled"),
        ("notification", "mail"),
    }
    events = [row["text"].partition(":")[0] for row in rows if row["kind"] == "event" and row["service"] == "order"]
    assert events == ["ORDER_CREATED", "ORDER_STATUS_UPDATED", "ORDER_STATUS_UPDATED"]
    booked = [row["text"] for row in rows if row["kind"] == "ledger"]
    assert [text.split()[0] for text in booked if not text.startswith("fee")] == ["capture", "refund"]
    assert any(row["text"].startswith("refund of 59.98 USD is succeeded") for row in rows)

    async def as_json_and_text() -> tuple[list[dict[str, Any]], str]:
        return await shown(), (await argosy("story", order["id"], environment=shop.stack.stack.environment)).out

    # The last webhooks of a refund arrive when everything else is over: the story may grow between two looks.
    _, text = await until(
        as_json_and_text, lambda found: len(found[0]) == len(found[1].splitlines()), "the text has a line for each row"
    )
    for private in (customer.email, ADDRESS["street"], VISA):
        assert private not in text


async def test_webhooks_disputes_and_stranded_money_are_shown(shop: Shop, customer: Customer) -> None:
    order = await customer.order()
    payment = await customer.pay(order)
    await customer.until_order_is(order, "confirmed")
    intent = await shop.sandbox.intent_of(payment["paymentId"])
    dispute = await shop.sandbox.ask("POST", "/_sandbox/disputes", json={"payment_intent": intent["id"]})
    environment = shop.stack.stack.environment

    async def shown() -> list[dict[str, Any]]:
        return (await argosy("story", order["id"], "--of", "payment", "--json", environment=environment)).rows

    def texts(rows: list[dict[str, Any]]) -> list[str]:
        return [row["text"] for row in rows]

    rows = await until(shown, lambda rows: "dispute of 59.98 USD (fraudulent)" in texts(rows), "the dispute is shown")
    assert any(text.startswith("dispute 59.98") for text in texts(rows) if "(" not in text)
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    await shop.sandbox.ask("POST", f"/_sandbox/disputes/{dispute['id']}", json={"outcome": "lost"})
    stranded = "payment needs a person (dispute_lost): argosy payments stranded"
    rows = await until(shown, lambda rows: stranded in texts(rows), "the money is stranded")
    assert "dispute of 59.98 USD is lost" in texts(rows)
    webhooks = {text for text in texts(rows) if text.startswith("webhook ")}
    assert webhooks >= {
        "webhook payment_intent.succeeded is received",
        "webhook charge.dispute.created is received",
        "webhook charge.dispute.closed is received",
    }
    (waiting,) = [row for row in rows if row["text"] == stranded]
    assert (waiting["kind"], waiting["facts"]["reason"]) == ("waiting", "dispute_lost")


async def test_parts_of_several_pods_are_put_together(shop: Shop, customer: Customer, tmp_path: Path) -> None:
    order = await customer.order()
    files = []
    for service in ("inventory", "order"):
        part = await argosy("story", order["id"], "--of", service, "--json", environment=shop.stack.stack.environment)
        assert {row["service"] for row in part.rows if row["kind"] in ("event", "stock")} == {service}
        file = tmp_path / f"{service}.jsonl"
        file.write_text(part.out)
        files += ["--read", str(file)]
    whole = (await argosy("story", *files, "--json", environment={})).rows
    assert {row["service"] for row in whole if row["kind"] == "event"} == {"inventory", "order"}
    assert [row["at"] for row in whole] == sorted(row["at"] for row in whole)


async def test_what_cannot_be_shown_is_reported_in_one_line(shop: Shop, tmp_path: Path) -> None:
    environment = shop.stack.stack.environment
    unknown = str(uuid.uuid4())
    printed = await argosy("story", unknown, environment=environment)
    assert (printed.code, printed.err) == (2, f"argosy: no service knows of the order {unknown}\n")
    printed = await argosy("story", environment=environment)
    assert (printed.code, printed.err) == (1, "argosy: name an order, or files to --read\n")
    printed = await argosy("story", unknown, "--of", "user", environment=environment)
    assert printed.code == 1
    assert "--of takes order, inventory, notification, payment, not user" in printed.err
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}\n")
    printed = await argosy("story", "--read", str(broken), environment=environment)
    assert (printed.code, printed.out) == (1, "")
    assert "holds a line that is no part of a story: {}" in printed.err
