"""The shop has a sentence for every reason of an error. tsc compares its texts with reasons.ts, and this that list."""

from __future__ import annotations

import importlib
import re

import yaml

from facts.system import system
from local.paths import ROOT
from services.chassis.rpc.statuses import CHASSIS_FAULTS, INTERNAL

_LIST = ROOT / "web" / "app" / "src" / "reasons.ts"
_EDGE = ROOT / "envoy" / "errors.yaml"


def _in_services() -> set[str]:
    catalogues = [importlib.import_module(f"services.{name}.entrypoints.errors").STATUSES for name in system().names]
    return {fault.reason for catalogue in [*catalogues, CHASSIS_FAULTS] for fault in catalogue.values()}


def test_the_shop_knows_every_reason_of_services_and_edge() -> None:
    listed = re.findall(r'^  "(\w+)",$', _LIST.read_text(encoding="utf-8"), re.MULTILINE)
    at_the_edge = {error["reason"] for error in yaml.safe_load(_EDGE.read_text(encoding="utf-8"))}
    assert listed == sorted(_in_services() | at_the_edge | {INTERNAL.reason})
