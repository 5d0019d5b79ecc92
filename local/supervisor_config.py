"""Renders supervisord's configuration from the parts. It contains secrets, so only its owner may read it."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.part import Group, Part
from local.paths import ROOT
from local.stack import Stack

MARK = "ARGOSY_SUPERVISED_IN"
"""Every process of a stack has this variable, with the stack's data directory."""

# A part is restarted without limit; the pause grows by a second each time it exits early.
_STARTS_WITHOUT_END = 1_000_000_000


def render(stack: Stack, socket: Path, parts: Iterable[Part]) -> str:
    """The complete configuration file."""
    groups: dict[Group, list[Part]] = defaultdict(list)
    for part in parts:
        groups[part.group].append(part)
    sections = [*_supervisor(stack, socket)]
    for group, members in groups.items():
        names = ",".join(part.name for part in members)
        sections.append(_section(f"group:{group.label}", {"programs": names, "priority": str(int(group))}))
        sections.extend(_section(f"program:{part.name}", _program(stack, part)) for part in members)
    return "\n".join(sections)


def _supervisor(stack: Stack, socket: Path) -> Iterable[str]:
    log = {"logfile": str(stack.logs / "supervisor.log"), "logfile_maxbytes": "10MB", "logfile_backups": "1"}
    own = {"pidfile": str(stack.run / "supervisor.pid"), "directory": str(ROOT), "umask": "077", **log}
    yield _section("supervisord", own)
    yield _section("unix_http_server", {"file": str(socket), "chmod": "0700"})
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    yield _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": factory})


def _program(stack: Stack, part: Part) -> Mapping[str, str]:
    environment = {**stack.environment, MARK: str(stack.data), "PYTHONUNBUFFERED": "1", **part.environment}
    return {
        "command": shlex.join(part.command),
        "environment": ",".join(f'{name}="{_quotable(value)}"' for name, value in environment.items()),
        "autostart": "false",
        "autorestart": "true" if part.ready else "unexpected",
        "startsecs": "1" if part.ready else "0",
        "startretries": str(_STARTS_WITHOUT_END),
        "stopsignal": part.stop_signal,
        "stopwaitsecs": str(part.stop_seconds),
        "stopasgroup": "false" if part.ready else "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(stack.logs / f"{part.name}.log"),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "1",
    }


def _quotable(value: str) -> str:
    if not value.isprintable() or '"' in value or "'" in value:
        raise ValueError(f"a setting must not contain quotes or unprintable characters: {value!r}")
    return value


def _section(name: str, settings: Mapping[str, str]) -> str:
    """One section. A % is escaped, because supervisord expands % expressions."""
    lines = (f"{key} = {value.replace('%', '%%')}" for key, value in settings.items())
    return "\n".join([f"[{name}]", *lines, ""])
