"""Runs a command again and again until it succeeds: `python -m local.until_done COMMAND…`.

For work that needs another part to be up: a failure only means "not yet", and is logged in a line. When that has lasted
for two minutes, all that the command prints is shown. The pause grows to two seconds.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
_EXPECTED_SECONDS = 120.0


def main() -> None:
    """Entry point; returns once the command has exited with 0."""
    pause, began = _FIRST_PAUSE_SECONDS, time.monotonic()
    while True:
        tried = subprocess.run(sys.argv[1:], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not tried.returncode:
            print(tried.stdout, end="", flush=True)
            return
        why = (tried.stdout.strip().splitlines() or ["it said nothing"])[-1]
        if time.monotonic() - began < _EXPECTED_SECONDS:
            _log("info", why, tried.returncode)
        else:
            _log("warning", tried.stdout, tried.returncode)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _log(level: str, why: str, code: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"time": now, "level": level, "event": "not done yet", "exit": code, "error": why}), flush=True)


if __name__ == "__main__":
    main()
