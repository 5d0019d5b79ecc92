"""Renders a folder of templates.

A template `services/NAME/domain/NOUNS.py.jinja` becomes `services/shipping/domain/shipments.py`. NAME, NOUN, NOUNS and
RPC in a path stand for names; a path with EVENT is written once for each event. A template that comes out empty is not
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

_HERE = Path(__file__).parent / "templates"
_SUFFIX = ".jinja"


def render(folder: str, values: Mapping[str, Any], events: Sequence[Any] = ()) -> Iterator[tuple[Path, str]]:
    """Each file that a folder of templates makes: its path in the repository, and its text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - it is code, not HTML
    )
    for template in sorted(environment.list_templates(extensions=[_SUFFIX.removeprefix(".")])):
        for event in events if "EVENT" in template else (None,):
            more = {} if event is None else {"event": event}
            text = environment.get_template(template).render(**values, **more)
            if text.strip():
                yield _path(template, values, event), text


def _path(template: str, values: Mapping[str, Any], event: Any) -> Path:
    path = template.removesuffix(_SUFFIX)
    for placeholder, value in (
        ("NAME", "name"),
        ("NOUNS", "nouns"),
        ("NOUN", "noun"),
        ("RPC", "rpc"),
    ):
        path = path.replace(placeholder, str(values.get(value, placeholder)))
    return Path(path.replace("EVENT", event.snake) if event is not None else path)
