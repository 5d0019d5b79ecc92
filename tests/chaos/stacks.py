"""What an instance that does not answer is doing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from local.supervision import Supervisor
from tests.support.real_stack import RealStack

_WRITTEN_AFTER_SECONDS = 1.0


async def show(stack: RealStack, instance: str) -> None:
    """Write the stack of each thread of its process on stderr. Nothing where no process runs."""
    pid = (await asyncio.to_thread(Supervisor(stack.stack).states))[instance].pid
    if not pid:  # it does not run, and 0 would be this process and its group
        return
    log = stack.stack.logs / f"{instance}.log"
    before = log.stat().st_size
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)
    await asyncio.sleep(_WRITTEN_AFTER_SECONDS)
    with log.open(errors="replace") as lines:
        lines.seek(before)
        print(f"{instance}, process {pid}:", lines.read(), sep="\n", file=sys.stderr)
