"""One call by curl, as somebody at a terminal makes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_AT_MOST_SECONDS = 70


@dataclass(frozen=True)
class Answer:
    """What came back, and how it was asked for."""

    command: str
    """Without the token."""
    status: int
    content_type: str
    text: str

    @property
    def json(self) -> Any:
        """The body; the first line of one that is a stream."""
        return json.loads(self.text.splitlines()[0] if "ndjson" in self.content_type else self.text)


async def curl(
    verb: str, url: str, body: object = None, *, token: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """The answer to one call. A body that is text goes as it is, anything else as JSON."""
    sent = {"Content-Type": "application/json"} if body is not None else {}
    sent |= headers or {}
    arguments = ["-X", verb, url, *(part for name, value in sent.items() for part in ("-H", f"{name}: {value}"))]
    content = body if isinstance(body, str) else json.dumps(body)
    if body is not None:
        arguments += ["--data-binary", content]
    # By a file, as a careful person does: other users of the machine see arguments.
    config = f'header = "Authorization: Bearer {token}"\n' if token is not None else ""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", str(_AT_MOST_SECONDS), "--config", "-",
        "-w", "\n%{http_code} %{content_type}", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(config.encode())
    command = " ".join(["curl", *arguments])
    assert process.returncode == 0, f"{command}: {err.decode()}"
    text, _, answer = out.decode().rpartition("\n")
    status, _, content_type = answer.partition(" ")
    return Answer(command, int(status), content_type, text)
