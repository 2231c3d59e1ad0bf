"""Draw the flash jobs as bars beside their limits: an SVG, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

_COLOURS = {"onchip": "#2b6cb0", "pyOCD": "#dd8844", "OpenOCD": "#77aa66"}
_LEFT, _WIDTH, _BAR, _GAP = 250, 420, 11, 12
_INK, _PAPER, _LIMIT = "#222", "#fff", "#b00020"


def chart(rows: Sequence[dict[str, Any]]) -> str:
    """Return an SVG: for each board one panel, for each flash job a bar of each host.

    A bar's length is the simulated time, to the panel's longest; the line across a job's bars is
    the limit.
    """
    out: list[str] = []
    y = 46
    boards = list(dict.fromkeys((row["chip"], row["probe"]) for row in rows))
    for chip, probe in boards:
        panel = [
            row
            for row in rows
            if (row["chip"], row["probe"]) == (chip, probe)
            and row["job"].startswith(("flash", "verify", "erase"))
            and not row["note"]
        ]
        if not panel:
            continue
        longest = max(row["seconds"] for row in panel)
        out.append(_text(12, y, f"{chip} behind {probe}", weight="bold"))
        y += 14
        for job in dict.fromkeys(row["job"] for row in panel):
            bars = [row for row in panel if row["job"] == job]
            out.append(_text(_LEFT - 8, y + 9, job, anchor="end"))
            top = y
            for row in bars:
                length = max(1.0, _WIDTH * row["seconds"] / longest)
                out.append(
                    f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 1}"'
                    f' fill="{_COLOURS[row["host"]]}"/>'
                )
                out.append(_text(_LEFT + length + 4, y + 9, f"{row['seconds']:.3g} s", size=9))
                y += _BAR
            limit = _LEFT + _WIDTH * bars[0]["limit_s"] / longest
            out.append(
                f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="{top - 2}" y2="{y + 1}"'
                f' stroke="{_LIMIT}"/>'
            )
            y += _GAP - 6
        y += _GAP + 10
    width = _LEFT + _WIDTH + 70
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}"'
        f' viewBox="0 0 {width} {y}" font-family="sans-serif">',
        f'<rect width="{width}" height="{y}" fill="{_PAPER}"/>',
        *_legend(),
    ]
    return "\n".join([*head, *out, "</svg>"]) + "\n"


def _legend() -> list[str]:
    out, x = [], 12
    for name, colour in (*_COLOURS.items(), ("limit: wire or flash", _LIMIT)):
        out.append(f'<rect x="{x}" y="12" width="10" height="10" fill="{colour}"/>')
        out.append(_text(x + 14, 21, name))
        x += 30 + 8 * len(name)
    out.append(_text(x, 21, "simulated time; shorter is better"))
    return out


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 11
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' font-weight="{weight}" fill="{_INK}">{escape(text)}</text>'
    )
