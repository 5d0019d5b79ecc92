"""A service is written by the recipe in CONTRIBUTING.md, filled in, sold through and taken out without a trace.

Then another service is taken out of the same clone, which passes its checks and sells.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from local.paths import ROOT
from tests.scaffold.clone import Clone
from tests.support.readme import TYPED, blocks

HERE = Path(__file__).parent
SHIPPING, SELLING = HERE / "shipping", HERE / "selling"
MOST_LINES = 300
NEW_SERVICE, TAKE_OUT = "Add a service", "Take a service out"
CHECK = "make check QUICK=1\n"
BESIDE = """
argosy new service wishlists --store mongo --consumes user-events
argosy new service pricing --store none --noun price_quote --consumes inventory-events/STOCK_LOW
"""
"""Services with the other stores, a group of all events of a topic, and a noun of two words."""
FILES = {"Add an rpc": (2, 6), "Add an event": (0, 5), "Add a consumer": (2, 4)}
"""Recipe → how many files it adds and changes, besides what is derived."""
CHANGES = {"Add a setting": (0, 1), "Add a field": (1, 4)}
"""The same of recipes that change by hand what another has written."""
OWN = ("services/shipping/", "proto/argosy/shipping/", "proto/argosy/event/v1/shipping_events.proto", "tests/")
DERIVED = {"README.md": "M", "compose.yaml": "M"}
"""Files with blocks that `make generate` writes."""
WITHOUT_MESSAGES = r"""
rm web/app/src/pages/messages.tsx web/app/src/desk/mails.tsx web/app/src/desk/notification.ts
sed -i '/pages.messages/d' web/app/src/app.tsx
sed -i '/desk.mails/d' web/app/src/desk/index.tsx web/app/src/desk/frame.tsx
sed -i "/messageDrifts/d" web/app/src/desk/drifts.tsx
sed -i "/messageLetters/d" web/app/src/desk/letters.tsx
sed -i '/NotificationService/d' web/app/src/rpc.ts
sed -i '/account.messages/d' web/app/src/ui/account.tsx
"""
"""What takes notification's pages out of the web app: the check of its types names the places."""
IN_THE_MESH = {
    "istio/authorization-policies.yaml": "shipping-callers",
    "istio/virtual-services.yaml": "shipping",
    "istio/mutual-tls.yaml": "shipping",
    "istio/admin-ports.yaml": "shipping-admin",
    "kubernetes/base/shipping.yaml": "shipping",
    "kubernetes/base/network-policies.yaml": "shipping-callers",
    "kubernetes/postgres/clusters.yaml": "shipping",
    "kafka/users.yaml": "shipping",
    "kafka/topics.yaml": "shipping-events",
}
"""Manifest → an object that is in it for the service."""


def test_the_fixture_is_small() -> None:
    assert sum(len(path.read_text().splitlines()) for path in SHIPPING.rglob("*.py")) <= MOST_LINES


@pytest.fixture(scope="module")
def typed() -> Mapping[str, str]:
    """What the recipes type, by heading."""
    return texts(TYPED)


@pytest.fixture(scope="module")
def changes() -> Mapping[str, str]:
    """What the recipes change by hand, by heading."""
    return texts("diff")


def texts(language: str) -> Mapping[str, str]:
    return {block.heading: block.text for block in blocks(ROOT / "CONTRIBUTING.md") if block.language == language}


def test_all_recipes_are_typed(typed: Mapping[str, str], changes: Mapping[str, str]) -> None:
    assert set(typed) == {NEW_SERVICE, *FILES, *CHANGES, TAKE_OUT}
    assert set(changes) == set(CHANGES)


def test_a_new_service_is_written_sold_through_and_taken_out(
    clone: Clone, typed: Mapping[str, str], changes: Mapping[str, str]
) -> None:
    before = clone.tree()
    assert "Left to decide" in clone.types(typed[NEW_SERVICE].partition("\n")[0])  # the others are typed below
    changed = clone.changed(before)
    assert {path: status for path, status in changed.items() if not path.startswith(OWN)} == DERIVED
    assert {status for path, status in changed.items() if path.startswith(OWN)} == {"A"}
    in_the_mesh(clone)
    clone.types(BESIDE)
    clone.check()
    clone.test(
        "tests/unit/shipping", "tests/unit/wishlists", "tests/unit/pricing", "tests/contract/test_who_may_call.py"
    )

    clone.put(SHIPPING)
    for recipe, files in FILES.items():
        was = clone.tree()
        clone.types(typed[recipe].partition("\n")[0])  # the check once, after all of them
        assert counted(clone, was) == files
    for recipe, files in CHANGES.items():
        was = clone.tree()
        clone.types(f"git apply - <<'END'\n{changes[recipe]}END\n{typed[recipe].removesuffix(CHECK)}")
        assert counted(clone, was) == files
    clone.check()
    clone.test("tests/unit/shipping", "--cov=services/shipping")
    clone.test(
        *("tests/integration/shipping/test_buying.py", "tests/integration/shipping", "tests/integration/wishlists"),
        *(f"tests/contract/{name}" for name in ("shipping", "wishlists", "pricing")),
        *("tests/e2e/test_rest_table.py", "-k", "shipping or wishlists or pricing or ShippingService"),
    )

    clone.types(typed[TAKE_OUT].partition("\n")[0])  # what is left is what was there
    clone.types("argosy remove service wishlists\nargosy remove service pricing")
    assert clone.git("diff-tree", "-r", "--name-status", before, clone.tree()) == ""


def counted(clone: Clone, before: str) -> tuple[int, int]:
    """How many files were added and changed; all of them are of shipping."""
    changed = clone.changed(before)
    assert all("shipping" in path for path in changed)
    return list(changed.values()).count("A"), list(changed.values()).count("M")


def in_the_mesh(clone: Clone) -> None:
    """The manifests have the service."""
    for file, name in IN_THE_MESH.items():
        text = (clone.root / "generated" / file).read_text()
        assert name in {one["metadata"]["name"] for one in yaml.safe_load_all(text) if one}, file


def test_a_service_that_others_need_stays(clone: Clone) -> None:
    before = clone.tree()
    printed = clone.types("! argosy remove service inventory")
    assert "inventory stays: order calls it; order consumes STOCK_SHORT" in printed
    assert clone.tree() == before


def test_notification_is_taken_out_of_a_shop_that_still_sells(clone: Clone) -> None:
    before = clone.tree()
    printed = clone.types("argosy remove service notification")
    changed = clone.changed(before)
    assert {path for path, status in changed.items() if status == "A"} == {"proto/retired.txt"}
    assert {path for path, status in changed.items() if status == "M"} == {
        *DERIVED,
        "pyproject.toml",
        "proto/argosy/order/v1/order_lookup.proto",
        "proto/argosy/user/v1/mail_token.proto",
        "tests/contract/order/who_may_call.yaml",
        "tests/contract/user/who_may_call.yaml",
    }
    assert "README.md" in printed
    assert "Nothing uses aiosmtplib any more" in printed
    assert not list(clone.root.glob("*/notification"))
    clone.types(WITHOUT_MESSAGES)
    clone.check()
    clone.put(SELLING)
    clone.test("tests/integration/selling", "tests/contract/test_who_may_call.py")
