"""The commands of README.md, run in order: every block works, also a second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.paths import STACKS
from local.ports import SERVICES
from tests.support.readme import NEEDS_A_CLUSTER, TYPED, Block, Newcomer, blocks
from tests.support.real_stack import stack_of_this_run

_LOGS = "make -s logs FOLLOW=0 JSON=1"
_PICTURE = ""
_OFFSET = 400


@pytest.fixture(autouse=True)
def well_behaved_stripe() -> None:
    """These tests have a stack of their own: the run's, with its sandbox, need not be up."""


@pytest.fixture(scope="module")
def printed() -> Iterator[dict[str, str]]:
    """What each block printed, by "1 heading" and "2 heading", and the logs of the first start under "logs"."""
    run = stack_of_this_run()
    newcomer = Newcomer(STACKS / f"{run.data.name}-readme", run.offset + _OFFSET)
    typed = [block for block in blocks() if block.language == TYPED]
    first, second = [f"1 {block.heading}" for block in typed], [f"2 {block.heading}" for block in typed]
    names = [*first[:1], "logs", *first[1:], *second]
    texts = [_typed(block) for block in typed]
    newcomer.types(["make -s reset YES=1"])
    try:
        yield dict(zip(names, newcomer.types([*texts[:1], _LOGS, *texts[1:], *texts]), strict=True))
    finally:
        newcomer.types(["make -s down"])


def _typed(block: Block) -> str:
    """The block, except that a test run does not start a test run."""
    return block.text.replace("make test ", "make -n test ")


def _documents(text: str) -> list[Any]:
    """The JSON objects that stand in what was printed, in order."""
    decoder, found, at = json.JSONDecoder(), [], text.find("{")
    while at >= 0:
        try:
            document, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            found.append(document)
        at = text.find("{", end)
    return found


def test_every_block_is_marked_as_run_here_or_not() -> None:
    assert {block.language for block in blocks()} == {TYPED, NEEDS_A_CLUSTER, _PICTURE}
    assert [block.heading for block in blocks() if block.language == NEEDS_A_CLUSTER] == ["In a cluster"]
    assert [block.heading for block in blocks() if block.language == _PICTURE] == [""]
    assert "kubectl" not in "".join(block.text for block in blocks() if block.language == TYPED)


@pytest.mark.parametrize("time", ["1", "2"])
def test_the_two_commands(printed: dict[str, str], time: str) -> None:
    assert "All steps succeeded" in printed[f"{time} Two commands"]
    assert "-m pytest --cov" in printed[f"{time} Two commands"]


@pytest.mark.parametrize("time", ["1", "2"])
def test_a_purchase_by_curl(printed: dict[str, str], time: str) -> None:
    text = printed[f"{time} Buy something by curl"]
    registered, product, *others, mails = _documents(text)
    if time == "1":
        assert registered["user"]["email"] == "ada@example.com"
    else:
        assert registered["details"][0]["reason"] == "EMAIL_TAKEN"
    assert product["id"] == "prod-123"
    states = [document["status"] for document in others if "items" in document]
    assert set(states) <= {"pending", "confirmed"}
    assert states.count("confirmed") == 2  # to the one who watches, and to the one who asks
    (payment,) = (document for document in others if "paymentId" in document)
    assert (payment["status"], payment["amount"]) == ("succeeded", "59.98")
    (history,) = (document for document in others if "events" in document)
    assert history["events"][0]["type"] == "ORDER_CREATED"
    assert any(message["to"] == ["ada@example.com"] for message in mails["messages"])


@pytest.mark.parametrize("time", ["1", "2"])
def test_a_trace(printed: dict[str, str], time: str) -> None:
    text = printed[f"{time} Trace a purchase"]
    for word in ("trace ", "CreateOrder", "CreatePayment", "ORDER_CREATED", "PAYMENT_CONFIRMED", "notification"):
        assert word in text


@pytest.mark.parametrize("time", ["1", "2"])
def test_looking_after_it(printed: dict[str, str], time: str) -> None:
    text = printed[f"{time} Look after it"]
    assert ("is staff from" if time == "1" else "is already staff") in text
    for word in (*SERVICES, "ORDER_CREATED", "No dead letters.", "No mail is parked.", "it signs from", "listening"):
        assert word in text
    assert "Traceback" not in text


@pytest.mark.parametrize("time", ["1", "2"])
def test_calls_by_grpcurl(printed: dict[str, str], time: str) -> None:
    text = printed[f"{time} By grpcurl"]
    for word in ("argosy.order.v1.OrderService", "ada@example.com", "argosy.inventory.v1.ProductService"):
        assert word in text
    login, order, user = _documents(text)
    assert login["user"]["id"] == user["id"] == order["userId"]
    assert order["status"] == "confirmed"


def test_a_healthy_start_and_a_purchase_log_nothing_that_looks_like_trouble(printed: dict[str, str]) -> None:
    lines = [json.loads(line) for line in printed["logs"].splitlines()]
    assert {*SERVICES, "edge", "postgres", "kafka", "databases", "catalogue"} <= {line["part"] for line in lines}
    assert [line for line in lines if line["level"] not in ("debug", "info")] == []
