"""`python -m edge run | validate | render --output FILE | ready | refusals`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge import process
from edge.admin import Admin
from edge.refusals import refusals, report
from edge.render import render, upstream_names
from edge.settings import EdgeSettings, SettingsError, load


def main() -> int:
    """Run one command. Returns the exit status of the process."""
    arguments = _parser().parse_args()
    if arguments.command == "refusals":
        sys.stdout.write(report(refusals(sys.stdin), arguments.callers))
        return 0
    try:
        settings, targets = load(upstream_names())
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    if arguments.command == "ready":
        return _ready(settings)
    if arguments.command == "run":
        return process.run(settings, targets)
    config = render(settings, targets)
    if arguments.command == "render":
        Path(arguments.output).write_text(config, encoding="utf-8")
        return 0
    return process.validate(config)


def _ready(settings: EdgeSettings) -> int:
    missing = Admin(settings.edge_admin_port).missing(upstream_names())
    sys.stdout.write(f"waiting for {', '.join(missing)}\n" if missing else "ready\n")
    return 1 if missing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m edge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run Envoy until a signal, then drain it")
    commands.add_parser("validate", help="validate the configuration with Envoy")
    commands.add_parser("ready", help="print whether a running edge has all upstreams and the keys; exit with 1 if not")
    who = commands.add_parser("refusals", help="read an access log, and print what the edge refused, and to whom")
    who.add_argument("--callers", type=int, default=3, help="how many callers to name for each reason; 0: none")
    to_file = commands.add_parser("render", help="write the configuration to a file")
    to_file.add_argument("--output", required=True, help="the file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
