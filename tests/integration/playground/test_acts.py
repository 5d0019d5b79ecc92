"""What the buttons do, on the real stack, and what an open page sees of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.playground.conftest import Json, Playground


def passing(source: str, target: str) -> Callable[[Json], bool]:
    """Whether a spark goes from one to the other."""
    return lambda spark: (spark["source"], spark["target"]) == (source, target)


async def test_a_purchase_lights_up_the_map_and_its_story_grows(playground: Playground) -> None:
    async with playground.open_page() as page:
        await page.received("parts", bool)
        order = (await playground.act("buy", card="pm_card_visa"))["facts"]["id"]
        await page.received("event", lambda one: one["key"] == order)
        story = await page.received(
            "story",
            lambda story: story["order"] == order and any(" is sent" in line["text"] for line in story["lines"]),
        )
        await page.received("orders", lambda orders: {"id": order, "status": "confirmed"} in orders["latest"])
    assert {"order", "payment", "inventory", "notification"} == {line["service"] for line in story["lines"]} - {"user"}
    assert story["missing"] == []


async def test_each_arrow_of_a_purchase_is_passed(playground: Playground) -> None:
    expected = {
        ("customers", "edge"),
        ("edge", "order"),
        ("edge", "payment"),
        ("order", "inventory"),
        ("payment", "stripe"),
        ("stripe", "edge"),
        ("order", "kafka"),
        ("payment", "kafka"),
        ("kafka", "inventory"),
        ("notification", "mail"),
    }
    async with playground.open_page() as page:
        await page.received("parts", bool)
        await playground.act("buy")
        for source, target in expected:
            await page.received("spark", passing(source, target))


async def test_what_was_bought_while_kafka_is_stopped_is_confirmed_once_it_is_back(playground: Playground) -> None:
    async with playground.open_page() as page:
        await playground.act("stop", part="kafka")
        await page.received("parts", lambda words: words.get("kafka") == "stopped")
        bought = await playground.act("buy", card="pm_card_visa")
        assert "pending" in bought["text"]
        await playground.act("start", part="kafka")
        order = bought["facts"]["id"]
        await page.received("orders", lambda orders: {"id": order, "status": "confirmed"} in orders["latest"])


@pytest.mark.parametrize("step", ["decline", "three-d-secure", "payment-dies", "bus-away"])
async def test_each_step_of_the_tour_comes_to_its_promised_end(playground: Playground, step: str) -> None:
    assert (await playground.act(step))["facts"]["id"]


async def test_ten_pieces_are_sold_to_a_hundred(playground: Playground) -> None:
    assert (await playground.act("crowd"))["text"].startswith("10 pieces were sold, 90 attempts were refused")


@pytest.mark.parametrize("part", ["ferretdb", "postgres", "inventory"])
async def test_a_paused_part_is_shown_and_undo_lets_it_go_on(playground: Playground, part: str) -> None:
    async with playground.open_page() as page:
        await playground.act("pause", part=part)
        await page.received("parts", lambda words: words.get(part) == "paused")
        await playground.act("undo")
        page.forget()
        await page.received("parts", lambda words: set(words.values()) == {"ready"})
    await playground.act("buy")


async def test_a_killed_service_comes_back(playground: Playground) -> None:
    await playground.act("kill", part="order")
    await playground.act("undo")
    assert "confirmed" in (await playground.act("buy"))["text"]


@pytest.mark.parametrize("trouble", ["stripe-slow", "stripe-failing"])
async def test_a_purchase_outlasts_stripes_trouble(playground: Playground, trouble: str) -> None:
    async with playground.open_page() as page:
        await playground.act(trouble)
        order = (await playground.act("buy"))["facts"]["id"]
        await playground.act("undo")
        await page.received("orders", lambda orders: {"id": order, "status": "confirmed"} in orders["latest"])


async def test_a_poison_message_is_put_aside_by_each_consumer(playground: Playground) -> None:
    async with playground.open_page() as page:
        await page.received("parts", bool)
        assert (await playground.act("poison", topic="inventory-events"))["facts"]["letters"] == 1
        await page.received("event", lambda one: one["topic"] == "inventory-events.dlq")


async def test_at_the_end_everything_is_counted(playground: Playground) -> None:
    await playground.act("buy")
    await playground.act("decline")
    counted = (await playground.outcome("count"))["facts"]["lines"]
    ended, charged, kept, *_ = counted
    assert ended["good"] == ended["of"] >= 2
    assert charged["good"] == charged["of"] >= 1
    assert kept["good"] == kept["of"] >= 1
