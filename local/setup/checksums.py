"""Verifies downloaded files with committed checksums, in the format of sha256sum."""

import hashlib
from pathlib import Path


class WrongChecksums(Exception):
    """A download does not match its committed checksum."""


def verify(directory: Path, sums: Path) -> None:
    """Raise WrongChecksums unless the directory holds exactly the files that `sums` lists, unchanged."""
    lines = (line.split(maxsplit=1) for line in sums.read_text().splitlines())
    wanted = {name: digest for digest, name in lines}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise WrongChecksums(f"not the files listed in {sums.name}: {', '.join(wrong)}")
