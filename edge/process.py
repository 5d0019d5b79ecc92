"""Runs Envoy: drains it on a signal, and ends it when this process ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

import grpc

from edge import connections, reflection
from edge.admin import Admin
from edge.render import CONNECTIONS, REFLECTION, public_services, render
from edge.settings import EdgeSettings, Targets

_PR_SET_PDEATHSIG = 1
_LOGGING = (
    "--log-level",
    "warning",
    # Otherwise it warns every second while the keys are missing. Health checks and `ready` report that already.
    "--component-log-level",
    "jwt:error",
    "--log-format",
    '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","event":"%j","logger":"%n"}',
)
_LOOK_EVERY_SECONDS = 0.1
"""During a drain."""


def run(settings: EdgeSettings, targets: Targets) -> int:
    """Run Envoy and what it asks this process until Envoy ends or a signal arrives. Returns Envoy's exit status.

    SIGTERM and SIGINT drain: /healthz fails, then new connections are refused, and requests in flight (but not streams)
    may finish (at most `drain_grace_seconds`), then Envoy stops. A second signal stops it at once.
    """
    with tempfile.TemporaryDirectory(prefix="argosy-edge-") as folder:
        sockets = Path(folder)
        file = sockets / "envoy.yaml"
        file.write_text(render(settings, targets, sockets), encoding="utf-8")
        news = _News()
        envoy = _start(settings, file)
        try:
            # After Envoy: a process with gRPC's threads must not fork.
            news.watch(envoy)
            servers = _serve(settings, sockets)
            try:
                return _until_done(settings, envoy, news)
            finally:
                for server in servers:
                    server.stop(None)
        finally:
            envoy.kill()
            envoy.wait()


def _serve(settings: EdgeSettings, sockets: Path) -> list[grpc.Server]:
    servers = [reflection.serve(settings.edge_descriptors, public_services(), sockets / REFLECTION)]
    if settings.limits_connections:
        limit = connections.ConnectionLimit(settings.edge_port, settings.edge_connections_per_address)
        servers.append(connections.serve(limit, sockets / CONNECTIONS))
    return servers


def validate(config: str) -> int:
    """Validate a configuration with Envoy. Returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="argosy-edge-") as folder:
        file = Path(folder, "envoy.yaml")
        file.write_text(config, encoding="utf-8")
        return subprocess.run([*_command(file), "--mode", "validate"]).returncode


class _News:
    """SIGTERM and SIGINT, which are counted instead of exiting, and the end of Envoy. Waiting for them uses no CPU."""

    def __init__(self) -> None:
        self.signals = 0
        self._arrived: SimpleQueue[None] = SimpleQueue()  # a signal handler may put into it at any time
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._note)

    def watch(self, envoy: subprocess.Popen[bytes]) -> None:
        """Note the end of Envoy."""

        def note_the_end() -> None:
            envoy.wait()
            self._arrived.put(None)

        threading.Thread(target=note_the_end, daemon=True).start()

    def wait(self, at_most: float | None = None) -> None:
        """Return when there is news, or after so many seconds."""
        with contextlib.suppress(Empty):
            self._arrived.get(timeout=at_most)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        self._arrived.put(None)


def _command(config: Path) -> list[str]:
    python_directory = str(Path(sys.executable).parent)
    envoy = shutil.which("envoy", path=os.pathsep.join([python_directory, os.environ.get("PATH", "")]))
    if envoy is None:
        raise FileNotFoundError(f"there is no envoy in the directory of {sys.executable} or on the PATH")
    # Without hot restart, several edges on one machine do not conflict.
    return [envoy, "--config-path", str(config), "--disable-hot-restart", *_LOGGING]


def _start(settings: EdgeSettings, config: Path) -> subprocess.Popen[bytes]:
    command = [
        *_command(config),
        "--drain-time-s",
        str(settings.drain_settle_seconds),
        # From the start of a drain, every response closes its connection.
        "--drain-strategy",
        "immediate",
        "--file-flush-interval-msec",
        "1000",
    ]
    # A separate process group: Ctrl-C in a terminal signals only this process, which drains first.
    return subprocess.Popen(command, preexec_fn=_die_with_parent(os.getpid()), process_group=0)


def _die_with_parent(parent: int) -> Callable[[], None]:
    """The child's preexec function: on Linux, the kernel ends Envoy when this process dies."""
    library = ctypes.CDLL(None, use_errno=True)

    def arrange() -> None:
        if sys.platform == "linux":
            library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def _until_done(settings: EdgeSettings, envoy: subprocess.Popen[bytes], news: _News) -> int:
    while news.signals == 0:
        news.wait()
        if envoy.returncode is not None:
            return envoy.returncode
    _drain(settings, envoy, news)
    envoy.terminate()
    while news.signals < 2 and envoy.returncode is None:
        news.wait()
    return 0


def _drain(settings: EdgeSettings, envoy: subprocess.Popen[bytes], news: _News) -> None:
    admin = Admin(settings.edge_admin_port)
    begun = time.monotonic()
    if not (admin.post("/healthcheck/fail") and admin.post("/drain_listeners?graceful")):
        return  # it did not start, or hangs: nothing to wait for
    closed = begun + settings.drain_settle_seconds
    latest = closed + settings.drain_grace_seconds
    while news.signals == 1 and envoy.returncode is None:
        news.wait(_LOOK_EVERY_SECONDS)
        now = time.monotonic()
        if now >= latest or (now >= closed and admin.active_requests() <= 0):
            return
