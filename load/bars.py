"""A bar for each name, its parts side by side."""

from collections.abc import Mapping

from load.drawing import FAINT, GRID, Drawing, ticks

_COLOURS = (
    "#2563eb",
    "#f59e0b",
    "#10b981",
    "#ef4444",
    "#8b5cf6",
    "#14b8a6",
    "#ec4899",
    "#84cc16",
    "#64748b",
    "#0ea5e9",
)
_WIDTH, _MARGIN, _TOP, _BAR = 860, 16, 58, 30
_LETTER = 6.6
"""About the width of a letter of the names."""


def bars_of_parts(title: str, bars: Mapping[str, Mapping[str, float]]) -> Drawing:
    """Values by bar and part. A part that is not above 0, as by the noise of a measurement, is left out."""
    shown = {bar: {part: value for part, value in parts.items() if value > 0} for bar, parts in bars.items()}
    named = dict.fromkeys(part for parts in shown.values() for part in parts)
    colours = {part: _COLOURS[number % len(_COLOURS)] for number, part in enumerate(named)}
    most = max(sum(parts.values()) for parts in shown.values()) or 1.0
    left = _MARGIN + 8 + _LETTER * max(map(len, shown))
    bottom = _TOP + _BAR * len(shown)
    scale = (_WIDTH - left - 60) / most
    drawing = Drawing(_WIDTH, bottom + 30, title)
    drawing.text(_MARGIN, 22, title, size=14, bold=True)
    drawing.legend(_MARGIN, 44, colours.items())
    for tick in ticks(most):
        drawing.line(left + tick * scale, _TOP, left + tick * scale, bottom, GRID)
        drawing.text(left + tick * scale, bottom + 18, f"{tick:g}", size=11, anchor="middle", fill=FAINT)
    for number, (bar, parts) in enumerate(shown.items()):
        y, x = _TOP + _BAR * number, left
        drawing.text(left - 8, y + 19, bar, anchor="end")
        for part, value in parts.items():
            drawing.box(x, y + 4, value * scale, _BAR - 8, colours[part], f"{part}: {value:.2f}")
            x += value * scale
        drawing.text(x + 6, y + 19, f"{sum(parts.values()):.1f}", fill=FAINT)
    return drawing
