"""Compares fetched files with the sums that are committed, in the format of sha256sum."""

import hashlib
from pathlib import Path


class WrongChecksums(Exception):
    """What was fetched is not what was committed to."""


def verify(directory: Path, sums: Path) -> None:
    """Raise WrongChecksums unless the directory holds exactly the files that `sums` lists, unchanged."""
    wanted = dict(reversed(line.split(maxsplit=1)) for line in sums.read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise WrongChecksums(f"not the files listed in {sums.name}: {', '.join(wrong)}")
