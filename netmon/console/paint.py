"""Lines of cells: text cleaned, cut and padded to columns by what a terminal really shows (NFC, NFD, wide)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from probes.clean import clean

ScreenLine = list[Segment]

STYLES = {
    "": Style.null(),
    "title": Style(bold=True),
    "dim": Style(dim=True),
    "bad": Style(bold=True, color="red"),
    "warn": Style(color="yellow"),
    "good": Style(color="green"),
    "bar": Style(reverse=True),
    "stale": Style(bold=True, reverse=True, color="red"),
}


def cell(text: object, width: int, style: str = "", *, right: bool = False) -> Segment:
    """One cell exactly `width` wide; too long a text ends in `…`."""
    return Segment(fit(clean(str(text), 400), width, right=right), STYLES[style])


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` made `width` terminal cells wide."""
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…"
    space = " " * (width - size)
    return space + text if right else text + space


def line(text: object, width: int, style: str = "") -> ScreenLine:
    """A whole line of one text."""
    return [cell(text, width, style)]


def row(cells: Sequence[Segment], width: int, *, chosen: bool = False) -> ScreenLine:
    """Cells side by side, cut to `width`; the chosen row is shown reversed and marked."""
    mark = Segment("▶ " if chosen else "  ", STYLES["bar" if chosen else ""])
    out, left = [mark], width - 2
    for part in cells:
        if left <= 0:
            break
        text = part.text if part.cell_length <= left else set_cell_size(part.text, left)
        out.append(Segment(text, STYLES["bar"] if chosen else part.style))
        left -= cell_len(text)
    out.append(Segment(" " * max(0, left), STYLES["bar" if chosen else ""]))
    return out
