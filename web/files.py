"""The files of the built app, in memory: each with its type, its compressed forms and its entity tags."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cramjam

INDEX = "/index.html"
_HASHED = "/assets/"
"""What is below this path is named by its content: the same name always has the same bytes."""
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = frozenset({".jpg", ".png", ".webp", ".woff2"})
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class NoApp(Exception):
    """The directory has no built app. The text names it."""


@dataclass(frozen=True)
class Form:
    """One form of a file: plain or compressed."""

    encoding: str
    """The Content-Encoding. Empty: plain."""
    body: bytes
    etag: str
    """The entity tag without quotes. Each form has another, because the bytes differ."""


@dataclass(frozen=True)
class File:
    """One file. `forms` are in the order of preference; the last is the plain one."""

    content_type: str
    cache_control: str
    forms: tuple[Form, ...]

    @property
    def is_page(self) -> bool:
        """Whether a browser shows it as a page."""
        return self.content_type.startswith("text/html")


Files = Mapping[str, File]
"""Path → file. The path begins with a slash."""


def read(directory: Path) -> Files:
    """Read and compress all files of the built app. Raises NoApp if there is no index.html."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    files = {f"/{path.relative_to(directory).as_posix()}": _read(path, directory) for path in paths}
    if INDEX not in files:
        raise NoApp(f"{directory} has no index.html: run `make setup`, which builds the app")
    return files


def _read(path: Path, directory: Path) -> File:
    body = path.read_bytes()
    hashed = f"/{path.relative_to(directory).as_posix()}".startswith(_HASHED)
    return File(
        _TYPES.get(path.suffix, "application/octet-stream"),
        _FOR_EVER if hashed else _ASK_AGAIN,
        tuple(_forms(body, compressible=path.suffix not in _COMPRESSED_ALREADY)),
    )


def _forms(body: bytes, *, compressible: bool) -> list[Form]:
    digest = hashlib.sha256(body).hexdigest()[:32]
    forms = [Form("", body, digest)]
    if compressible:
        compressed = {
            "gzip": gzip.compress(body, compresslevel=9, mtime=0),
            "br": bytes(cramjam.brotli.compress(body, level=11)),
        }
        for encoding, smaller in compressed.items():
            if len(smaller) < len(body):
                forms.insert(0, Form(encoding, smaller, f"{digest}-{encoding}"))
    return forms
