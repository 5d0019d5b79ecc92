"""`up`: starts what does not run yet, all at once, and waits until all of it is ready."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from local import credentials, data
from local.part import Part
from local.processes import end_leftovers, taken_ports
from local.stack import Stack
from local.supervision import LaunchFailed, Supervisor
from local.topology import parts
from local.waiting import wait_until_ready


def up(stack: Stack, names: Sequence[str], settings: Sequence[str]) -> int:
    """Start the named parts with what they need, or everything; `settings` (PART.NAME=VALUE) are for a fresh start."""
    with data.alone(stack):
        data.claim(stack)
        table = _with_settings(parts(stack, credentials.ensure(stack.secrets)), settings)
        wanted = _with_needs(table, names)
        supervisor = Supervisor(stack)
        if supervisor.alive():
            complaint = _cannot_join(stack, settings)
        else:
            end_leftovers(stack)
            complaint = "\n".join(taken_ports(stack, wanted))
        if complaint:
            print(complaint, file=sys.stderr)
            return 1
        return _start(stack, supervisor, table, wanted)


def _start(stack: Stack, supervisor: Supervisor, table: Sequence[Part], wanted: Sequence[Part]) -> int:
    if not supervisor.alive():
        try:
            supervisor.launch(table)
        except LaunchFailed as failure:
            print(failure, file=sys.stderr)
            return 1
    states = supervisor.states()
    idle = [part for part in wanted if states[part.name].idle]
    for part in idle:
        supervisor.start(part)
    if not wait_until_ready(stack, supervisor, wanted):
        return 1
    if not idle:
        print("Everything was up already.")
    return 0


def _cannot_join(stack: Stack, settings: Sequence[str]) -> str:
    """Why the stack that runs is not the one that was asked for; nothing when it is."""
    if settings:
        return "The stack is running, and settings are given at its start: stop it first (make down)"
    return ""


def _with_settings(table: Sequence[Part], settings: Sequence[str]) -> list[Part]:
    """The parts, with settings changed as a person asked. Raises ValueError on what is no setting of a part."""
    changed = {part.name: part for part in table}
    for setting in settings:
        target, equals, value = setting.partition("=")
        name, dot, variable = target.partition(".")
        if not (equals and dot and variable) or name not in changed:
            raise ValueError(
                f"a setting reads PART.NAME=VALUE, with one of {', '.join(changed)}; this does not: {setting}"
            )
        part = changed[name]
        changed[name] = replace(part, environment={**part.environment, variable: value})
    return list(changed.values())


def _with_needs(table: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """The named parts with all that they need; everything when none is named. Raises ValueError on an unknown name."""
    by_name = {part.name: part for part in table}
    wanted: dict[str, Part] = {}
    left = list(names) or list(by_name)
    while left:
        name = left.pop()
        if name not in by_name:
            raise ValueError(f"there is no part {name!r}; the parts are {', '.join(by_name)}")
        if name not in wanted:
            wanted[name] = by_name[name]
            left.extend(by_name[name].needs)
    return [part for part in table if part.name in wanted]
