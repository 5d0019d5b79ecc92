"""The CPU of a part: its processes that live, and those that they have waited for."""

import os
import subprocess
import sys

import psutil

from load.cpu import of_tree, spread

_BURN = "import time\nwhile time.process_time() < 0.2: pass\n"


def test_a_process_that_has_ended_still_counts() -> None:
    before = of_tree(os.getpid())
    subprocess.run([sys.executable, "-c", _BURN], check=True)
    assert of_tree(os.getpid()) - before >= 0.15  # counted in ticks


def test_a_process_that_lives_counts_for_the_part_that_started_it() -> None:
    code = _BURN + "print(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        own = sum(psutil.Process().cpu_times()[:4])
        assert of_tree(os.getpid()) - own >= 0.15
        child.communicate(b"\n")


def test_a_round_more_than_the_others_does_not_move_the_median() -> None:
    assert spread([1.0, 9.0, 2.0]) == "2.00 (1.00 to 9.00)"
