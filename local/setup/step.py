"""A step of set-up. It is done if its stamp file holds the hash of the step's current inputs."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local.paths import ROOT, VENV

STAMPS = VENV / "stamps"


@dataclass(frozen=True)
class Step:
    """One step of set-up.

    `inputs` are the files and strings that determine the result; `products` must exist afterwards; `minutes` is the
    duration of the first run on two cores, if it is long.
    """

    name: str
    title: str
    run: Callable[[IO[str]], None]
    inputs: Callable[[], Iterable[Path | str]]
    products: tuple[Path, ...] = field(default=())
    minutes: int | None = None

    @property
    def announced(self) -> str:
        """The title, with the expected duration if it is long."""
        return self.title if self.minutes is None else f"{self.title} (about {self.minutes} min, once)"

    def done(self) -> bool:
        """Whether the products exist and were made from the current inputs."""
        stamp = STAMPS / self.name
        return (
            all(product.exists() for product in self.products)
            and stamp.is_file()
            and stamp.read_text() == self.fingerprint()
        )

    def record(self) -> None:
        """Mark the step as done. Called last, so that an interrupted step runs again."""
        STAMPS.mkdir(parents=True, exist_ok=True)
        (STAMPS / self.name).write_text(self.fingerprint())

    def fingerprint(self) -> str:
        """A hash of the inputs: strings as they are, files by name and content."""
        digest = hashlib.sha256()
        for item in self.inputs():
            content = item.read_bytes() if isinstance(item, Path) else b""
            name = str(item.relative_to(ROOT)) if isinstance(item, Path) else item
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()
