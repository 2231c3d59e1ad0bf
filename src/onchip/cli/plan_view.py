"""A flash plan as a table, and as a drawing of the sectors and their pages (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from onchip.cli.terminal import bytes_text, hex32, print_table

if TYPE_CHECKING:
    from onchip.flash.planning.outline import SectorOutline

_COLOURS = {
    "skip": "#b8d8b8",
    "program": "#8ab6e8",
    "erase and program": "#e8a86a",
    "erase": "#d8d8d8",
}
_PAGE_COLOURS = {"same": "#5a9a5a", "blank": "#ffffff", "differs": "#c05a20", "unknown": "#a0a0a0"}
_ROW, _LEFT, _WIDTH = 18, 110, 480
_PAGES_HEIGHT = 4


def print_plan(chip: str, sectors: Sequence[SectorOutline]) -> None:
    """Print one line for each sector, and what it comes to."""
    rows = [
        (
            hex32(sector.address),
            bytes_text(sector.length),
            _holds(sector),
            sector.action,
            bytes_text(sector.program_bytes) if sector.program_bytes else "",
            bytes_text(sector.kept_bytes) if sector.kept_bytes else "",
        )
        for sector in sectors
    ]
    print_table(("sector", "size", "holds", "to do", "program", "keep"), rows)
    erased = sum(sector.length for sector in sectors if sector.action.startswith("erase"))
    program = sum(sector.program_bytes for sector in sectors)
    print(
        f"{chip}: would erase {bytes_text(erased)} and program {bytes_text(program)}; nothing done"
    )


def _holds(sector: SectorOutline) -> str:
    differs = sum(run.length for run in sector.pages if run.state == "differs")
    return f"differs in {bytes_text(differs)}" if differs else sector.state


def plan_svg(chip: str, sectors: Sequence[SectorOutline]) -> str:
    """Draw a bar for each sector: its length by its size, its colour by what is to be done.

    Its lower edge shows what its pages hold.
    """
    largest = max((sector.length for sector in sectors), default=1)
    height = _ROW * (len(sectors) + 3)
    width = _LEFT + _WIDTH + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="11">',
        f'<text x="8" y="14" font-weight="bold">{escape(chip)}</text>',
    ]
    for index, (action, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + 120 * index
        parts.append(f'<rect x="{x}" y="5" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="14">{action}</text>')
    for index, sector in enumerate(sectors):
        y = _ROW * (index + 2)
        length = max(2.0, _WIDTH * sector.length / largest)
        title = f"{sector.state}: {sector.action}, {bytes_text(sector.program_bytes)}"
        parts.append(f'<text x="8" y="{y + 11}">{hex32(sector.address)}</text>')
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_ROW - 4}" stroke="#555"'
            f' fill="{_COLOURS[sector.action]}"><title>{escape(title)}</title></rect>'
        )
        for run in sector.pages:
            left = _LEFT + length * (run.address - sector.address) / sector.length
            parts.append(
                f'<rect x="{left:.1f}" y="{y + _ROW - 4 - _PAGES_HEIGHT}"'
                f' width="{length * run.length / sector.length:.1f}" height="{_PAGES_HEIGHT}"'
                f' fill="{_PAGE_COLOURS[run.state]}">'
                f"<title>{hex32(run.address)}: {bytes_text(run.length)} {run.state}</title></rect>"
            )
    return "\n".join([*parts, "</svg>"]) + "\n"
