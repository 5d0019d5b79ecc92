"""`up`: starts the parts that do not run yet, all at once, and waits until they are ready."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from local import credentials, data
from local.layout import LAPTOP, Layout
from local.part import Part
from local.port_claims import kept_from_outgoing_connections, taken_ports
from local.processes import end_leftovers
from local.stack import Stack
from local.supervision import LaunchFailed, Supervisor
from local.waiting import is_ready, wait_until_ready


def up(stack: Stack, names: Sequence[str], settings: Sequence[str], layout: Layout = LAPTOP) -> int:
    """Start the named parts and their needs, or all; `settings` (PART.NAME=VALUE) apply to a fresh start only."""
    with data.alone(stack):
        supervisor = Supervisor(stack)
        running = supervisor.alive()
        if running:
            started = data.as_started(stack)
            if started.offset != stack.offset:
                return _refuse("This stack runs with another ARGOSY_PORT_OFFSET: stop it first (make down).")
            if stack.traces and not started.traces:
                return _refuse("This stack runs without traces: stop it first (make down).")
            stack = started
        data.claim(stack)
        table = _with_settings(layout.parts(stack, credentials.ensure(stack.secrets)), settings)
        wanted = _with_needs(table, names)
        if running:
            return _join(stack, supervisor, layout, table, wanted, settings)
        end_leftovers(stack)
        layout.prepare(stack)
        return _launch(stack, supervisor, layout, table, wanted)


def _launch(stack: Stack, supervisor: Supervisor, layout: Layout, table: Sequence[Part], wanted: Sequence[Part]) -> int:
    taken = taken_ports(stack, wanted)
    if taken:
        return _refuse(*taken)
    try:
        supervisor.launch(table)
    except LaunchFailed as failure:
        return _refuse(str(failure))
    return _start(stack, supervisor, layout, table, wanted)


def _join(
    stack: Stack,
    supervisor: Supervisor,
    layout: Layout,
    table: Sequence[Part],
    wanted: Sequence[Part],
    settings: Sequence[str],
) -> int:
    """Start the missing parts of a running stack."""
    states = supervisor.states()
    if settings or states.keys() != {part.name for part in table}:
        return _refuse("This stack runs with other settings or parts: stop it first (make down).")
    idle = [part for part in wanted if states[part.name].idle]
    taken = taken_ports(stack, idle)
    if taken:
        return _refuse(*taken)
    if not idle and all(is_ready(stack, part, states[part.name]) for part in wanted):
        print("Everything is up already.")
        _say_where(stack, layout, table, wanted)
        return 0
    return _start(stack, supervisor, layout, table, wanted)


def _start(stack: Stack, supervisor: Supervisor, layout: Layout, table: Sequence[Part], wanted: Sequence[Part]) -> int:
    """Start all parts at once, in any order; each waits by itself for those it connects to."""
    states = supervisor.states()
    idle = [part for part in wanted if states[part.name].idle]
    with kept_from_outgoing_connections(stack, idle):
        for part in idle:
            supervisor.start(part)
        if not wait_until_ready(stack, supervisor, wanted):
            return 1
    _say_where(stack, layout, table, wanted)
    return 0


def _say_where(stack: Stack, layout: Layout, table: Sequence[Part], wanted: Sequence[Part]) -> None:
    """Print the addresses once all parts are up."""
    if len(wanted) == len(table):
        print(layout.where(stack))


def _refuse(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 1


def _with_settings(table: Sequence[Part], settings: Sequence[str]) -> list[Part]:
    """The parts with the changed settings. Raises ValueError on a setting of an unknown part or of a wrong form."""
    changed = {part.name: part for part in table}
    for setting in settings:
        target, equals, value = setting.partition("=")
        name, dot, variable = target.partition(".")
        if not (equals and dot and variable) or name not in changed:
            raise ValueError(
                f"a setting has the form PART.NAME=VALUE, with PART one of {', '.join(changed)}; got: {setting}"
            )
        part = changed[name]
        changed[name] = replace(part, environment={**part.environment, variable: value})
    return list(changed.values())


def _with_needs(table: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """The named parts and all that they need; every part if none is named. Raises ValueError on an unknown name."""
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
