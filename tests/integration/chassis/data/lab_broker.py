"""A Kafka broker that belongs to one test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from local.paths import PYTHON, ROOT
from local.stack import Stack

_UP_SECONDS = 60.0


class Broker:
    """One process. Its data outlives it, as a real one's does."""

    def __init__(self, data: Path, offset: int) -> None:
        self._stack = Stack(data, offset)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return self._stack.address("kafka")

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        log = (self._stack.data / "broker.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "local.kafka"],
                cwd=ROOT,
                env=dict(os.environ) | self._stack.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        give_up = time.monotonic() + _UP_SECONDS
        while not self._accepts():
            assert self._process.poll() is None, "the broker ended: see broker.log"
            assert time.monotonic() < give_up, "the broker does not come up: see broker.log"
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _accepts(self) -> bool:
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True
