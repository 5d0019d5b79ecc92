"""A step of set-up, and how it is known to be done: a stamp that holds a hash of everything the step was made from."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local.paths import ROOT, VENV

STAMPS = VENV / "stamps"


@dataclass(frozen=True)
class Step:
    """One thing that set-up makes.

    `inputs` are the files and words that decide what is made; `products` must exist afterwards; `minutes` is how long
    the first time takes on two cores, where that tries a person's patience.
    """

    name: str
    title: str
    run: Callable[[IO[str]], None]
    inputs: Callable[[], Iterable[Path | str]]
    products: tuple[Path, ...] = field(default=())
    minutes: int | None = None

    @property
    def announced(self) -> str:
        """The title, and how long one has to wait."""
        return self.title if self.minutes is None else f"{self.title} (about {self.minutes} min, once)"

    def done(self) -> bool:
        """Whether the products are there and were made from the inputs as they are now."""
        stamp = STAMPS / self.name
        return (
            all(product.exists() for product in self.products)
            and stamp.is_file()
            and stamp.read_text() == self.fingerprint()
        )

    def record(self) -> None:
        """Remember that the step was done. Called last, so that an interrupted step is done again."""
        STAMPS.mkdir(parents=True, exist_ok=True)
        (STAMPS / self.name).write_text(self.fingerprint())

    def fingerprint(self) -> str:
        """A hash of the inputs: words as they are, files by name and content."""
        digest = hashlib.sha256()
        for item in self.inputs():
            content = item.read_bytes() if isinstance(item, Path) else b""
            name = str(item.relative_to(ROOT)) if isinstance(item, Path) else item
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()
