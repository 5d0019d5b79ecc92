"""The command line of a stack of processes: `up`, `down`, `status`, `logs`, `reset` and `demo`."""

import argparse
import sys
from collections.abc import Callable

import httpx

from local import data
from local.commands.demo import demo
from local.commands.down import down
from local.commands.logs import logs
from local.commands.reset import reset
from local.commands.status import status
from local.commands.up import up
from local.data import NotOurs
from local.layout import LAPTOP, Layout
from local.stack import Stack


def run(
    program: str,
    named: Callable[[], Stack],
    layout: Layout = LAPTOP,
    door: Callable[[Stack], httpx.Client] | None = None,
    stops: str = "make down",
) -> int:
    """Run the command in `sys.argv`; returns the exit code.

    Args:
        program: the module, as in `python -m local`.
        named: the stack that the environment selects. Raises ValueError on a bad offset.
        door: a client of a started stack for the demo. Default: one that connects to the edge.
        stops: the command that stops the stack, for a message.
    """
    arguments = _parser(program).parse_args()
    try:
        stack = named()
        match arguments.command:
            case "up":
                return up(stack, arguments.part, arguments.set, layout)
            case "logs":
                return logs(stack, arguments.part, as_json=arguments.json, follow=not arguments.no_follow)
            case "reset":
                return reset(data.as_started(stack), layout, yes=arguments.yes)
            case "demo":
                started = data.as_started(stack)
                return demo(started, door(started) if door else None)
            case _:
                commands = {"down": down, "status": status}
                return commands[arguments.command](data.as_started(stack), layout)
    except (ValueError, NotOurs) as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nInterrupted. Started parts keep running: `{stops}` stops them.", file=sys.stderr)
        return 130


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description="Argosy on one machine, as processes.")
    commands = parser.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="start everything, or the named parts with what they need")
    up_parser.add_argument("part", nargs="*")
    up_parser.add_argument("--set", action="append", default=[], metavar="PART.NAME=VALUE", help="change a setting")
    commands.add_parser("down", help="stop everything; the data stays")
    commands.add_parser("status", help="show state, ports and memory of each part")
    logs_parser = commands.add_parser("logs", help="follow the logs of all parts, or of the named ones")
    logs_parser.add_argument("part", nargs="*")
    logs_parser.add_argument("--json", action="store_true", help="one JSON object per line")
    logs_parser.add_argument("--no-follow", action="store_true", help="print the existing lines and exit")
    reset_parser = commands.add_parser("reset", help="stop everything and delete its data")
    reset_parser.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("demo", help="make purchases step by step")
    return parser
