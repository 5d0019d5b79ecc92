"""The desk has a sentence for every kind of drift that a service can find."""

from __future__ import annotations

import importlib
import pkgutil
import re

from facts.system import system
from local.paths import ROOT

_TEXTS = ROOT / "web" / "app" / "src" / "desk" / "texts" / "en.ts"


def _kinds() -> set[str]:
    """The names of kinds in the comparisons; those of providers of payments are without the provider's name."""
    found: set[str] = set()
    for service in system().names:
        package = importlib.import_module(f"services.{service}.use_cases")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("compare_"):
                names = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
                found |= {
                    value
                    for name, value in names.items()
                    if name.isupper() and name[0] != "_" and isinstance(value, str)
                }
    return found


def test_the_desk_knows_every_kind() -> None:
    texts = _TEXTS.read_text(encoding="utf-8")
    (drifts,) = re.findall(r"^  drifts: \{$(.*?)^  \},$", texts, re.MULTILINE | re.DOTALL)
    known = set(re.findall(r"^      (\w+): ", drifts, re.MULTILINE))
    kinds = _kinds()
    assert "ledger_differs" in kinds
    assert kinds <= known
