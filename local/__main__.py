"""Entry point: `python -m local up|down|status|logs|reset|demo`. ARGOSY_DATA, ARGOSY_PORT_OFFSET select the stack."""

import sys

from local.command_line import run
from local.stack import Stack

if __name__ == "__main__":
    sys.exit(run("local", Stack.from_environment))
