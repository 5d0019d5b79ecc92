"""A small drawing: shapes and text as SVG, on white, so that it reads in a dark page as well."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

INK, FAINT, GRID = "#1f2933", "#616e7c", "#e4e7eb"
_FONT = "Helvetica, Arial, DejaVu Sans, sans-serif"


class Drawing:
    """Shapes, in the order in which they are drawn. Lengths are pixels."""

    def __init__(self, width: float, height: float, title: str) -> None:
        size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        named = f'font-family="{_FONT}" role="img" aria-label="{escape(title)}"'
        self._shapes = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named}>']
        self._shapes.append('<rect width="100%" height="100%" fill="#ffffff"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 12,
        anchor: str = "start",
        fill: str = INK,
        bold: bool = False,
    ) -> None:
        """One line; `y` is its base line."""
        weight = ' font-weight="bold"' if bold else ""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>'
            f"{escape(text)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str, note: str = "") -> None:
        """A filled box; `note` is shown where a mouse rests on it."""
        inside = f"<title>{escape(note)}</title>" if note else ""
        self._shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}">{inside}</rect>'
        )

    def diamond(self, x: float, y: float, radius: float, fill: str, note: str = "") -> None:
        """What happens at one moment."""
        corners = f"{x:.1f},{y - radius:.1f} {x + radius:.1f},{y:.1f} {x:.1f},{y + radius:.1f} {x - radius:.1f},{y:.1f}"
        inside = f"<title>{escape(note)}</title>" if note else ""
        self._shapes.append(f'<polygon points="{corners}" fill="{fill}" stroke="#ffffff">{inside}</polygon>')

    def dot(self, x: float, y: float, radius: float, fill: str, note: str = "") -> None:
        """One of many values."""
        inside = f"<title>{escape(note)}</title>" if note else ""
        self._shapes.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" fill-opacity="0.75">{inside}</circle>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = GRID, dash: str = "") -> None:
        """A thin line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>'
        )

    def legend(self, x: float, y: float, entries: Iterable[tuple[str, str]]) -> None:
        """Words and their colours, one after the other; `y` is the base line of the words."""
        for word, colour in entries:
            self.box(x, y - 10, 12, 12, colour)
            self.text(x + 18, y, word)
            x += 40 + 6.6 * len(word)

    def __str__(self) -> str:
        return "\n".join([*self._shapes, "</svg>", ""])


def ticks(most: float, about: int = 8) -> list[float]:
    """Round numbers from 0 to `most`, about so many."""
    rough = max(most, 1e-9) / about
    power = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 1.0
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough)
    return [step * number for number in range(int(most / step) + 1)]
