"""Runs a command again and again until it succeeds: `python -m local.until_done COMMAND…`.

For work that needs another part to be up: a failure only means "not yet". The pause grows to two seconds.
"""

import subprocess
import sys
import time

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0


def main() -> None:
    """Entry point; returns once the command has exited with 0."""
    pause = _FIRST_PAUSE_SECONDS
    while code := subprocess.run(sys.argv[1:], check=False).returncode:
        print(f"not done yet (exit {code}), again in {pause} s", flush=True)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
