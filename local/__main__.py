"""Entry point: `python -m local up|down|status|logs|reset|demo`. ARGOSY_DATA, ARGOSY_PORT_OFFSET select the stack."""

import argparse
import sys

from local import data
from local.commands.demo import demo
from local.commands.down import down
from local.commands.logs import logs
from local.commands.reset import reset
from local.commands.status import status
from local.commands.up import up
from local.data import NotOurs
from local.stack import Stack


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = _parser().parse_args()
    try:
        stack = Stack.from_environment()
        match arguments.command:
            case "up":
                return up(stack, arguments.part, arguments.set)
            case "logs":
                return logs(stack, arguments.part, as_json=arguments.json, follow=not arguments.no_follow)
            case "reset":
                return reset(data.as_started(stack), yes=arguments.yes)
            case "demo":
                return demo(data.as_started(stack))
            case _:
                commands = {"down": down, "status": status}
                return commands[arguments.command](data.as_started(stack))
    except (ValueError, NotOurs) as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Started parts keep running: `make status` shows them, `make down` stops them.",
            file=sys.stderr,
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Argosy on one machine, without containers.")
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


if __name__ == "__main__":
    sys.exit(main())
