"""Each place that is derived, or has to fit the table of facts, is broken by hand once: `make check` refuses it.

Two of its steps do that. `python -m codegen check` compares what is derived; `python -m facts` finds what drift does
not show. Both are called here on a copy.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen import blocks
from codegen.check import CheckFailed, check_blocks, differences
from codegen.generate import generate
from facts.check import everything
from facts.system import system
from gates.check import CHECKS
from local.paths import ROOT

COPIED = ("services", "k8s", "istio", "kafka", "monitoring", "envoy", "generated")
FILES = ("README.md", "compose.yaml", "Dockerfile", "pyproject.toml")
DERIVED = sorted(
    str(path.relative_to(ROOT / "generated"))
    for path in (ROOT / "generated").rglob("*")
    if path.is_file() and path.relative_to(ROOT / "generated").parts[0] != "python"
)
KINDS = (
    "asyncapi",
    "envoy",
    "istio",
    "kafka",
    "kubernetes",
    "monitoring",
    "openapi",
    "prometheus",
    "ratelimit",
    "descriptors.binpb",
)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the checks look at."""
    root = tmp_path_factory.mktemp("untouched")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "python", "*.sql"))
    for name in FILES:
        shutil.copyfile(ROOT / name, root / name)
    return root


@pytest.fixture
def copy(untouched: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(untouched, tmp_path / "copy"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is derived today."""
    folder = tmp_path_factory.mktemp("fresh")
    generate(folder)
    return folder


def test_both_steps_are_part_of_make_check() -> None:
    steps = {command[1:] for _, command in CHECKS}
    assert {("-m", "facts"), ("-m", "codegen", "check")} <= steps


def test_every_kind_of_derived_file_is_looked_at() -> None:
    assert {Path(name).parts[0] for name in DERIVED} == {*KINDS}


@pytest.mark.parametrize("name", DERIVED)
def test_a_changed_and_a_missing_derived_file_is_found(fresh: Path, name: str, tmp_path: Path) -> None:
    committed = Path(shutil.copytree(fresh, tmp_path / "generated", copy_function=shutil.copyfile))
    assert list(differences(fresh, committed)) == []
    with (committed / name).open("ab") as file:
        file.write(b"\n# by hand\n")
    assert list(differences(fresh, committed)) == [name]
    (committed / name).unlink()
    assert list(differences(fresh, committed)) == [name]


@pytest.mark.parametrize(("file", "block"), [(file, block) for file, found in blocks.BLOCKS.items() for block in found])
def test_a_changed_block_is_found(copy: Path, file: str, block: str) -> None:
    check_blocks(copy)
    path = copy / file
    text = path.read_text()
    path.write_text(re.sub(rf"(\n.*derived: {block}\b.*\n)", r"\1by hand\n", text))
    with pytest.raises(CheckFailed, match=file):
        check_blocks(copy)
    path.write_text(re.sub(rf"\n.*derived: {block}\b.*\n", "\n", text))
    with pytest.raises(blocks.NoBlock, match=f"{file}: .*{block}"):
        check_blocks(copy)


def change(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Writes something else in the place of a text that is there."""

    def make(root: Path) -> None:
        text = (root / file).read_text()
        assert old in text, f"{file} has no {old!r}"
        (root / file).write_text(text.replace(old, new, 1))

    return make


def add(file: str, text: str) -> Callable[[Path], None]:
    """Puts text at a file's end, and makes the file when it is missing."""

    def make(root: Path) -> None:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        with (root / file).open("a") as opened:
            opened.write(text)

    return make


def remove(name: str) -> Callable[[Path], None]:
    """Removes a file, or a whole folder."""

    def make(root: Path) -> None:
        shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()

    return make


POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: strays
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: %s}
"""
BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    # A service and its facts.
    "a service of the contract is gone": (remove("services/notification"), "services/notification is missing"),
    "a service that the contract does not know": (
        lambda root: shutil.copytree(root / "services" / "payment", root / "services" / "parcels"),
        "services/parcels: the contract has no service with this owner",
    ),
    "a service without facts": (remove("services/order/service.yaml"), "services/order has no service.yaml"),
    "a field that nobody knows": (add("services/order/service.yaml", "colour: red\n"), "service.yaml: colour: "),
    "a field of the wrong type": (
        change("services/order/service.yaml", "grpc: 50052", "grpc: many"),
        "services/order/service.yaml: ports.grpc: ",
    ),
    "a field that is missing": (
        change("services/order/service.yaml", "store: {kind: mongo", "stores: {kind: mongo"),
        "services/order/service.yaml: store: ",
    ),
    "two services on one port": (change("services/order/service.yaml", "admin: 9102", "admin: 9101"), "the port 9101"),
    "a publisher without a topic": (
        lambda root: (root / "services/inventory/service.yaml").write_text(
            re.sub(r"(?m)^topic:.*\n", "", (root / "services/inventory/service.yaml").read_text())
        ),
        "inventory-events: the contract puts events",
    ),
    "a topic without events": (
        add("services/notification/service.yaml", "topic: {about: mails, partitions: 3, keep_days: 7}\n"),
        "notification-events: the contract puts events",
    ),
    "an event that is none": (
        change("services/order/service.yaml", "STOCK_SHORT", "STOCK_LOST"),
        "services/order: it consumes STOCK_LOST, no event",
    ),
    "a followed topic that is none": (
        change("services/order/service.yaml", "[order-events]", "[orders]"),
        "services/order: it follows orders, no topic",
    ),
    # The services' code.
    "facts name an event that nobody handles": (
        change("services/order/service.yaml", "STOCK_SHORT]", "STOCK_SHORT, STOCK_LOW]"),
        "service.yaml names STOCK_LOW",
    ),
    "a handler that the facts do not name": (
        change("services/order/service.yaml", ", STOCK_SHORT]", "]"),
        "consumers.py handles STOCK_SHORT",
    ),
    "a followed topic that the facts do not name": (
        change("services/order/service.yaml", "follows: [order-events]", "follows: []"),
        "its code follows order-events",
    ),
    "facts name a topic that nobody follows": (
        add("services/payment/service.yaml", "follows: [order-events]\n"),
        "service.yaml follows order-events",
    ),
    # Kustomizations.
    "a manifest in no kustomization": (
        add("k8s/base/network/strays.yaml", POLICY % "order"),
        "k8s/base/network/strays.yaml is in no kustomization",
    ),
    "a derived manifest in no kustomization": (
        change("generated/kubernetes/base/kustomization.yaml", "- payment.yaml\n", ""),
        "generated/kubernetes/base/payment.yaml is in no kustomization",
    ),
    "a derived folder that nobody takes": (
        change("kafka/kustomization.yaml", "  - ../generated/kafka\n", ""),
        "generated/kafka is in no kustomization",
    ),
    "a kustomization of what is not there": (
        change("istio/kustomization.yaml", "telemetry.yaml", "telemetries.yaml"),
        "istio/kustomization.yaml: there is no telemetries.yaml",
    ),
    # What is written by hand and names a service.
    "a policy about nobody": (
        change("k8s/base/network/services.yaml", "{app.kubernetes.io/name: user}", "{app.kubernetes.io/name: people}"),
        "k8s/base/network/services.yaml names people",
    ),
    "a list of workloads with nobody": (
        add("k8s/base/network/services.yaml", "# app.kubernetes.io/name, operator: In, values: [order, orders]\n"),
        "k8s/base/network/services.yaml names orders",
    ),
    "a patch of nobody": (
        change(
            "k8s/overlays/production/kustomization.yaml", "DestinationRule, name: payment", "DestinationRule, name: pay"
        ),
        "k8s/overlays/production/kustomization.yaml names pay",
    ),
    "a host that is none": (
        change("k8s/base/pods.yaml", "//user.production.svc", "//people.production.svc"),
        "k8s/base/pods.yaml names people",
    ),
    "a caller that is none": (
        add("istio/edge.yaml", "# cluster.local/ns/production/sa/people\n"),
        "istio/edge.yaml names people",
    ),
    "a store of nobody": (add("k8s/base/pods.yaml", "# store-of: people\n"), "k8s/base/pods.yaml names people"),
    "an alert about nobody": (
        add("monitoring/rules/bus.yaml", '# up{job="people"}\n'),
        "monitoring/rules/bus.yaml names people",
    ),
    "a group of nobody": (add("kafka/cluster.yaml", "# people-service-group\n"), "kafka/cluster.yaml names people"),
    "a topic of nobody": (add("kafka/cluster.yaml", "# people-events\n"), "kafka/cluster.yaml names people"),
    "an upstream that is none": (
        add("k8s/base/edge/deployment.yaml", "# PEOPLE_TARGET\n"),
        "k8s/base/edge/deployment.yaml names people",
    ),
    "a module that is not in the image": (
        change("Dockerfile", "services.user", "services.people"),
        "Dockerfile names people",
    ),
    "a link to nobody": (add("README.md", "[people](services/people/README.md)\n"), "README.md names people"),
    "an import rule about nobody": (add("pyproject.toml", "# services.people\n"), "pyproject.toml names people"),
    "a process that is none": (add("compose.yaml", "# services.people\n"), "compose.yaml names people"),
}


def test_what_is_shipped_fits(copy: Path) -> None:
    assert everything(copy) == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found(copy: Path, name: str) -> None:
    make, finding = BREAKS[name]
    make(copy)
    found = everything(copy)
    assert any(finding in problem for problem in found), found


def test_the_table_of_this_checkout_is_not_empty() -> None:
    assert len(system().services) > 1
