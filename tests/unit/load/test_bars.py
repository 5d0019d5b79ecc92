"""Bars of parts: what is drawn, how long, and what is left out."""

from __future__ import annotations

from xml.etree import ElementTree

from load.bars import bars_of_parts

_SVG = "{http://www.w3.org/2000/svg}"


def test_parts_are_side_by_side_at_one_scale() -> None:
    drawn = ElementTree.fromstring(  # noqa: S314 - our own
        str(bars_of_parts("What it costs", {"read": {"a": 1.0, "b": 2.0}, "write": {"a": 6.0, "b": -0.1}}))
    )
    noted = {
        box.findtext(f"{_SVG}title"): (float(box.attrib["x"]), float(box.attrib["width"]))
        for box in drawn.iter(f"{_SVG}rect")
        if box.find(f"{_SVG}title") is not None
    }
    assert set(noted) == {"a: 1.00", "b: 2.00", "a: 6.00"}
    (first, one), (second, two), (_, six) = noted["a: 1.00"], noted["b: 2.00"], noted["a: 6.00"]
    assert abs(two - 2 * one) < 0.2
    assert abs(six - 6 * one) < 0.5
    assert abs(first + one - second) < 0.2
    assert {"What it costs", "read", "write", "3.0", "6.0"} <= {text.text for text in drawn.iter(f"{_SVG}text")}


def test_nothing_but_noise_is_an_empty_drawing() -> None:
    drawn = str(bars_of_parts("What it costs", {"read": {"a": -1.0}}))
    assert "read" in drawn
    assert "<title>" not in drawn
