"""`logs`: the logs of all parts, merged in order of time, one line per event."""

import heapq
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from structlog.dev import ConsoleRenderer

from local.log_lines import RAW, LogLine, read
from local.stack import Stack

_BACKLOG = 20
"""Number of earlier lines of each part that are shown first."""
_PAUSE_SECONDS = 0.3
_DIM, _CYAN, _RESET = "\033[2m", "\033[36m", "\033[0m"


def logs(stack: Stack, names: Sequence[str], *, as_json: bool = False, follow: bool = True) -> int:
    """Follow the parts' logs, across rotations, until interrupted. Without `follow`, print the existing lines."""
    found = {path.stem: path for path in sorted(stack.logs.glob("*.log"))}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        print(
            f"no logs of {', '.join(unknown) or 'anything'}; there are: {', '.join(found) or 'none'}", file=sys.stderr
        )
        return 1
    with ExitStack() as opened:
        files = [opened.enter_context(closing(_Followed(found[name]))) for name in names or found]
        show = _json if as_json else _for_people(max(len(file.part) for file in files))
        return _show(files, show, follow=follow)


def _show(files: Sequence["_Followed"], show: Callable[[LogLine], str], *, follow: bool) -> int:
    try:
        _tell([file.new()[-_BACKLOG if follow else 0 :] for file in files], show)
        while follow:
            time.sleep(_PAUSE_SECONDS)
            _tell([file.new() for file in files], show)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader of the pipe, such as head, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _tell(several: Iterable[Sequence[LogLine]], show: Callable[[LogLine], str]) -> None:
    for line in heapq.merge(*several, key=lambda line: line.time):
        print(show(line))
    sys.stdout.flush()


class _Followed:
    """A part's log file, read from the position of the last read."""

    def __init__(self, path: Path) -> None:
        self.part = path.stem
        self._path = path
        self._file = path.open("rb")
        self._rest = b""
        self._time = ""

    def new(self) -> list[LogLine]:
        """The complete lines since the last call. After a rotation, the rest of the old file precedes the new one."""
        lines = list(self._lines())
        if self._was_rotated():
            self._file.close()
            self._file = self._path.open("rb")
            lines.extend(self._lines())
        return lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _was_rotated(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._file.fileno())
        return (now.st_ino, now.st_dev) != (mine.st_ino, mine.st_dev) or now.st_size < self._file.tell()

    def _lines(self) -> Iterator[LogLine]:
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for one in whole:
            text = one.decode(errors="replace").rstrip()
            line = read(self.part, text) if text else None
            if line is not None:
                # A line without a time belongs to the previous one.
                self._time = max(self._time, line.time)
                yield replace(line, time=self._time)


def _json(line: LogLine) -> str:
    return json.dumps(line.as_json(), ensure_ascii=False)


def _for_people(width: int) -> Callable[[LogLine], str]:
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    render = ConsoleRenderer(colors=coloured, pad_event_to=28)
    dim, cyan, reset = (_DIM, _CYAN, _RESET) if coloured else ("", "", "")

    def show(line: LogLine) -> str:
        begin = f"{dim}{line.time.partition('T')[2]:<12}{reset} {cyan}{line.part:<{width}}{reset} "
        if line.level == RAW:
            return f"{begin}{line.event}"
        return begin + render(None, line.level, {"level": line.level, "event": line.event, **line.fields})

    return show
