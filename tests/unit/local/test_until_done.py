import json
import subprocess
import sys
from pathlib import Path


def test_it_tries_again_until_the_command_succeeds(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    program = f"""
from pathlib import Path
tries = Path({str(tries)!r})
tries.write_text((tries.read_text() if tries.exists() else "") + "x")
raise SystemExit(len(tries.read_text()) < 3)
"""
    command = [sys.executable, "-m", "local.until_done", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert tries.read_text() == "xxx"
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["not done yet"] * 2
