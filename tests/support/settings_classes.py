"""The settings class of each service, found where every service has it."""

import importlib

from facts.system import system
from services.chassis.process.settings import CommonSettings


def settings_class(service: str) -> type[CommonSettings]:
    """The class that a service loads: `<Name>Settings` in its module `settings`."""
    found: type[CommonSettings] = getattr(
        importlib.import_module(f"services.{service}.settings"), f"{service.capitalize()}Settings"
    )
    return found


SETTINGS = {name: settings_class(name) for name in system().names}
