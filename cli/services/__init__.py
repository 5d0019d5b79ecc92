"""Commands about one service, a folder each; a module is a group of commands, under its own name.

`services/payment/payments.py` is `argosy payments`: its `app` is found here, and a service that is taken out takes its
commands along.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import typer


def groups() -> Iterator[tuple[str, typer.Typer]]:
    """Every group: its name and its commands, by name."""
    found = {
        module.name: importlib.import_module(f"{__name__}.{service.name}.{module.name}").app
        for service in pkgutil.iter_modules(__path__)
        for module in pkgutil.iter_modules([f"{path}/{service.name}" for path in __path__])
    }
    yield from sorted(found.items())
