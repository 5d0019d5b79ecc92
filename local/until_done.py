"""Repeats a command until it succeeds: `python -m local.until_done COMMAND…`.

For tasks that need another part to be up. A failure is expected and logged in one line. After two minutes of failures,
the command's complete output is shown. The pause grows to two seconds.
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
    """Entry point. Returns once the command has exited with 0."""
    pause, began = _FIRST_PAUSE_SECONDS, time.monotonic()
    while True:
        tried = subprocess.run(sys.argv[1:], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not tried.returncode:
            print(tried.stdout, end="", flush=True)
            return
        why = (tried.stdout.strip().splitlines() or ["no output"])[-1]
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
