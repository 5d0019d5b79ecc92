"""Commands about one service, a folder each; a module is a group of commands, under its own name.

`services/payment/payments.py` is `argosy payments`: its `app` is found here, and a service that is taken out takes its
commands along. `services/payment/compared.py` is no group: it opens what `argosy reconcile` compares of the service.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import typer

from services.chassis.plain.comparison import Comparison

_COMPARED = "compared"

Opener = Callable[[], AbstractAsyncContextManager[Sequence[Comparison]]]
"""Opens the stores of a service; its comparisons work until they are closed."""


def groups() -> Iterator[tuple[str, typer.Typer]]:
    """Every group: its name and its commands, by name."""
    found = {
        module: importlib.import_module(f"{__name__}.{service}.{module}").app
        for service, module in _modules()
        if module != _COMPARED
    }
    yield from sorted(found.items())


def comparisons() -> Mapping[str, Opener]:
    """Every service that compares what it keeps with what others keep, by name."""
    return {
        service: importlib.import_module(f"{__name__}.{service}.{module}").opened
        for service, module in sorted(_modules())
        if module == _COMPARED
    }


def _modules() -> Iterator[tuple[str, str]]:
    for service in pkgutil.iter_modules(__path__):
        for module in pkgutil.iter_modules([f"{path}/{service.name}" for path in __path__]):
            yield service.name, module.name
