"""Entry point: `python -m local.image build|up|down`. ARGOSY_DATA and ARGOSY_PORT_OFFSET select the stack."""

import argparse
import os
import sys
from dataclasses import replace

from local import data
from local.commands.down import down
from local.commands.up import up
from local.data import NotOurs
from local.image.build import build
from local.image.layout import IMAGE_LAYOUT
from local.paths import STACKS
from local.setup.making import interruptible
from local.stack import Stack

DEFAULT_OFFSET = 12_600


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.image", description=__doc__)
    parser.add_argument(
        "command",
        choices=("build", "up", "down"),
        help="build: build the image; up: start everything, services and edge from the image; down: stop it",
    )
    command = parser.parse_args().command
    try:
        match command:
            case "build":
                return build()
            case "up":
                return up(image_stack(), (), (), IMAGE_LAYOUT)
            case _:
                return down(data.as_started(image_stack()), IMAGE_LAYOUT)
    except (ValueError, NotOurs) as mistake:
        print(mistake, file=sys.stderr)
        return 2


def image_stack() -> Stack:
    """The stack that the environment selects. Raises ValueError on a bad offset."""
    named = Stack.from_environment()
    directory = named.data if os.environ.get("ARGOSY_DATA") else (STACKS / "image").resolve()
    offset = named.offset if os.environ.get("ARGOSY_PORT_OFFSET") else DEFAULT_OFFSET
    return replace(named, data=directory, offset=offset)


if __name__ == "__main__":
    sys.exit(interruptible(main))
