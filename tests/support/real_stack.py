"""The stack that the tests run against: a laptop's parts and commands, with ports and data of its own."""

import fcntl
import os
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import IO

from local import credentials
from local.credentials import Credentials
from local.paths import PYTHON, ROOT, STACKS
from local.stack import Stack

DEFAULT_OFFSET = 11_000
"""Puts every port above those that the kernel gives to outgoing connections (32768 to 60999), or below them."""
_WORKER_OFFSET = 1_010
"""Between the workers of one run: none of their stacks, and of those beside them, share a port."""
_BUS_OFFSET = 700
"""Ports of the broker beside the stack, above those of the run."""
_SCALED_OFFSET = 350
"""The same of the second stack, on which time runs fast."""

MakeTopic = Callable[..., Awaitable[str]]
"""`await make_topic(partitions=1)` → the name of a new topic."""


class StackFailed(Exception):
    """A command on the stack failed; the text is what it printed."""


@dataclass
class RealStack:
    """Addresses and secrets of the test stack, and the commands to change what runs of it."""

    stack: Stack
    settings: tuple[str, ...] = ()
    _launched: bool = False
    _up: set[str] = field(default_factory=set)

    def up(self, *parts: str) -> None:
        """Start the named parts with what they need, or all, and wait until they are ready. Raises StackFailed."""
        if self._up.issuperset(parts or {"everything"}):
            return
        settings = () if self._launched else tuple(f"--set={setting}" for setting in self.settings)
        self._launched = True
        self.command("up", *settings, *parts)
        self._up.update(parts or {"everything"})

    def command(self, *arguments: str) -> str:
        """Run `python -m local …` on this stack; returns what it printed. Raises StackFailed."""
        done = subprocess.run(
            [PYTHON, "-m", "local", *arguments],
            cwd=ROOT,
            env=dict(os.environ) | self.stack.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackFailed(f"python -m local {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout

    @property
    def secrets(self) -> Credentials:
        """The stack's passwords and keys."""
        return credentials.read(self.stack.secrets)

    @property
    def edge_url(self) -> str:
        """The public address: `http://127.0.0.1:port`."""
        return self.stack.url("edge")

    @property
    def edge_target(self) -> str:
        """The public address for plain gRPC: `host:port`."""
        return self.stack.address("edge")

    @property
    def kafka_bootstrap(self) -> str:
        """The broker's `host:port`."""
        return self.stack.address("kafka")

    @property
    def stripe_url(self) -> str:
        """The Stripe sandbox."""
        return self.stack.url("stripe")

    @property
    def mail_url(self) -> str:
        """The mail sink's API: `GET /messages?to=ADDRESS`."""
        return self.stack.url("mail-http")

    @property
    def smtp_url(self) -> str:
        """The mail sink's SMTP side."""
        return f"smtp://{self.stack.address('mail-smtp')}"

    def grpc_target(self, service: str) -> str:
        """`host:port` of a service's gRPC server."""
        return self.stack.address(f"{service}-grpc")

    def admin_url(self, service: str) -> str:
        """A service's admin endpoint (/health, /metrics)."""
        return self.stack.url(f"{service}-admin")

    def postgres_url(self, role: str, database: str | None = None) -> str:
        """A database as its owner sees it; the role `postgres` may do anything."""
        password = self.secrets.postgres_password(role)
        return f"postgresql://{role}:{password}@{self.stack.address('postgres')}/{database or role}"

    def mongo_url(self, database: str) -> str:
        """A database of the document store."""
        return f"mongodb://{self.stack.address('ferretdb')}/{database}"


def stack_of_this_run() -> Stack:
    """The stack of this process of the run."""
    return stack_of_worker(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))


def stack_of_worker(number: int) -> Stack:
    """The stack of one worker of the run, from 0; `ARGOSY_TEST_OFFSET` lets two runs go on at once."""
    offset = int(os.environ.get("ARGOSY_TEST_OFFSET", DEFAULT_OFFSET)) + number * _WORKER_OFFSET
    name = "test" if offset == DEFAULT_OFFSET else f"test-{offset}"
    return Stack(STACKS / name, offset, traces=True)


def bus_beside(stack: Stack) -> Stack:
    """A stack for a broker alone, beside that of the run."""
    return Stack(stack.data.with_name(f"{stack.data.name}-bus"), stack.offset + _BUS_OFFSET)


def scaled_beside(stack: Stack) -> Stack:
    """A whole stack beside that of the run."""
    return Stack(stack.data.with_name(f"{stack.data.name}-scaled"), stack.offset + _SCALED_OFFSET)


def lock(stack: Stack) -> IO[str] | None:
    """Keep the stack for this run until the file is closed; None when another run has it."""
    STACKS.mkdir(exist_ok=True)
    held = (STACKS / f"{stack.data.name}.run.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    return held
