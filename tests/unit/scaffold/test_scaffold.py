"""What `argosy new` refuses, what it renders for each store, and what `argosy remove` takes out of a contract."""

from __future__ import annotations

import ast
import itertools
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from facts.system import system
from local.paths import BIN, ROOT
from scaffold import event, names, removal, rpc, service
from scaffold.edits import Edits, NoPlace
from scaffold.names import BadName

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def asked(
    name: str = "shipping",
    store: str = "postgres",
    noun: str | None = None,
    consumes: tuple[str, ...] = (),
    publishes: tuple[str, ...] = (),
) -> service.NewService:
    return service.asked(ROOT, name, store, noun, consumes, publishes, NOW)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"name": "Shipping"}, "NAME must be one word"),
        ({"name": "gift_cards"}, "NAME must be one word"),
        ({"name": "class"}, "NAME must be one word"),
        ({"name": "edge"}, "NAME must not be 'edge'"),
        ({"name": "nobody"}, "NAME must not be 'nobody'"),
        ({"name": "order"}, "services/order is there"),
        ({"store": "mysql"}, "--store must be one of postgres, mongo, none: not 'mysql'"),
        ({"store": "mongo", "publishes": ("SHIPMENT_CREATED",)}, "--publishes needs --store postgres, not mongo"),
        ({"consumes": ("ORDER_LOST",)}, "--consumes takes events or topics of the contract, not 'ORDER_LOST'"),
        ({"consumes": ("user-events/ORDER_CREATED",)}, "not 'user-events/ORDER_CREATED'"),
        ({"publishes": ("ORDER_CREATED",)}, "order publishes ORDER_CREATED"),
        ({"publishes": ("shipped",)}, "an event is named for what happened"),
        ({"noun": "Shipment"}, "--noun must be words of small letters"),
        ({"noun": "order"}, "--noun must be another than order: the contract has a message Order"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(question: dict[str, object], reason: str) -> None:
    with pytest.raises(BadName) as refused:
        asked(**question)  # type: ignore[arg-type]
    assert reason in str(refused.value)


CONSUMES = ((), ("STOCK_LOW",), ("user-events", "order-events/ORDER_CREATED"))
PUBLISHES = ((), ("SHIPMENT_CREATED", "SHIPMENT_LOST"))
SHAPES = [
    (store, consumes, publishes)
    for store, consumes, publishes in itertools.product(service.STORES, CONSUMES, PUBLISHES)
    if store == "postgres" or not publishes
]


def unknown_names(texts: Mapping[Path, str], folder: Path) -> str:
    """What ruff finds in code that is not laid out yet: names that nothing defines, and imports for nothing."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    command = [str(BIN / "ruff"), "check", "--isolated", "--no-cache", "--select=F", "--quiet", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(("store", "consumes", "publishes"), SHAPES)
def test_every_shape_is_rendered_whole(
    store: str, consumes: tuple[str, ...], publishes: tuple[str, ...], tmp_path: Path
) -> None:
    new = asked(store=store, noun="shipment", consumes=consumes, publishes=publishes)
    texts = dict(service.files(ROOT, new))
    for path, text in texts.items():
        assert "{{" not in text, path
        assert "{%" not in text, path
        assert "  **" not in text.replace("    **{", ""), path
        if path.suffix == ".py":
            assert ast.get_docstring(ast.parse(text)), path
    assert unknown_names(texts, tmp_path) == ""
    made = {str(path) for path in texts}
    assert ("services/shipping/entrypoints/consumers.py" in made) == bool(consumes)
    assert ("services/shipping/domain/facts.py" in made) == bool(publishes)
    of_orders = "order-events/ORDER_CREATED" in consumes
    assert ("services/shipping/adapters/story.py" in made) == (of_orders and store == "postgres")
    assert ("services/shipping/migrations/0001.shipping.shipments.sql" in made) == (store == "postgres")
    since = "SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)"
    assert (since in texts[Path("services/shipping/__main__.py")]) == bool(consumes)


def test_names_are_spelled_as_each_place_wants_them() -> None:
    noun = names.guess_noun("gifts", ["GIFT_CARD_ISSUED"])
    assert (noun.snake, noun.camel, noun.plural, noun.route) == (
        *("gift_card", "GiftCard", "gift_cards"),
        "/api/v1/gift-cards",
    )
    assert [names.plural(word) for word in ("entry", "day", "box", "match")] == ["entries", "days", "boxes", "matches"]
    assert names.guess_noun("reviews", []).snake == "review"
    assert names.words("ORDER_PLACED") == "An order was placed."


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda: rpc.write(ROOT, "shipping", "CancelShipment"), "SERVICE must be one of"),
        (lambda: rpc.write(ROOT, "order", "cancel"), "RPC must be a verb"),
        (lambda: rpc.write(ROOT, "inventory", "CreateProduct"), "RPC must not be a create"),
        (lambda: event.publish(ROOT, "notification", "MAIL_SENT"), "notification publishes nothing yet"),
        (lambda: event.publish(ROOT, "inventory", "ORDER_CREATED"), "order publishes ORDER_CREATED"),
        (lambda: event.consume(ROOT, "notification", "order-events"), "EVENT must be one event"),
        (lambda: event.consume(ROOT, "notification", "ORDER_CREATED"), "notification consumes ORDER_CREATED"),
        (lambda: event.consume(ROOT, "notification", "ORDER_LOST"), "^EVENT must be one of .*: not 'ORDER_LOST'"),
        (lambda: event.consume(ROOT, "inventory", "STOCK_LOW"), "another service's: inventory publishes STOCK_LOW"),
    ],
)
def test_an_addition_that_cannot_be_made_is_refused_by_name(edit: object, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        edit()  # type: ignore[operator]


def test_a_service_of_another_form_is_left_to_a_person() -> None:
    with pytest.raises(NoPlace, match="services/inventory/domain has no module for hold"):
        rpc.write(ROOT, "inventory", "ExtendHold")


def test_nothing_is_written_when_one_place_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("first\n")
    edits = Edits(tmp_path)
    edits.replace("a.py", "^first$", "second", "a")
    with pytest.raises(NoPlace, match=r"a\.py: no place for b"):
        edits.replace("a.py", "^third$", "fourth", "b")
    assert (tmp_path / "a.py").read_text() == "first\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("inventory", "inventory stays: order calls it; order consumes STOCK_SHORT"),
        (
            "user",
            "user stays: notification calls it; notification consumes .*; others read /.well-known/jwks.json of it",
        ),
        ("parcels", "NAME must be one of user, order, payment, inventory, notification: not 'parcels'"),
    ],
)
def test_a_service_that_is_needed_stays(name: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        removal.refuse_needed(system(), name)


def test_a_service_that_nobody_needs_may_go() -> None:
    removal.refuse_needed(system(), "notification")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('callers: "mailing"', 'callers: "nobody"'),
        (
            'callers: "order"\n      callers: "mailing"\n      callers: "user"',
            'callers: "order"\n      callers: "user"',
        ),
        ('callers: ["mailing", "order"]', 'callers: "order"'),
        ('callers: [\n      "order",\n      "mailing",\n      "user"\n    ]', 'callers: ["order", "user"]'),
        ('callers: "order"', 'callers: "order"'),
    ],
)
def test_a_caller_that_is_gone_is_admitted_nowhere(before: str, after: str) -> None:
    policy = "option (argosy.policy.v1.method) = {{\n    access: ACCESS_INTERNAL\n    {}\n  }};"
    assert removal.without(policy.format(before), "mailing") == policy.format(after)
