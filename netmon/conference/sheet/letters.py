"""Which letters a list is written in: the encoding of a file, and cells typed for an old font beside sound ones. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from netmon.conference.sheet.cells import SheetLine
from netmon.conference.sheet.fonts import FONTS, Font, column_font, font_of, is_sound, read_as
from netmon.conference.sheet.header import Heading
from netmon.conference.sheet.messages import Remark
from netmon.conference.sheet.syllables import strange

BYTE_MARKS = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as `surrogateescape` shows them
_LOOKED_AT = 200_000  # letters that tell the encoding


class Letters(NamedTuple):
    """A file as text. `bad`: for each mark of `BYTE_MARKS` the number of its byte in the file, from 1."""

    text: str
    notes: tuple[Remark, ...] = ()
    bad: tuple[int, ...] = ()


def decoded(data: bytes) -> Letters:
    """UTF-8 or UTF-16 where the bytes say so, with single bad bytes marked; else Windows-1258, which is told, or an old
    font's bytes. Raises `UnicodeDecodeError`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Letters(data.decode("utf-16"))
    head = data.rstrip(b"\0")[:400]
    zeros = head.count(0)
    if zeros > len(head) // 4:  # UTF-16 without its mark: the zeros are the high bytes of ASCII
        return Letters(data.decode("utf-16-le" if head[::2].count(0) < zeros / 2 else "utf-16-be"))
    try:
        return Letters(data.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        return _with_bad_bytes(data) or _of_one_byte(data, fault)


def _with_bad_bytes(data: bytes) -> Letters | None:
    """UTF-8 in which some bytes are damaged; None when it is rather something else."""
    text = data.decode("utf-8-sig", "surrogateescape")
    parts = re.split(f"({BYTE_MARKS.pattern})", text)
    sound = sum(char > "\x7f" for char in text)
    if 2 * (len(parts) // 2) > sound:
        return None
    bad, place = [], 3 if data.startswith(b"\xef\xbb\xbf") else 0
    for at, part in enumerate(parts):
        bad += [place + 1] if at % 2 else []
        place += len(part.encode("utf-8", "surrogateescape"))
    return Letters(text, bad=tuple(bad))


def _of_one_byte(data: bytes, fault: UnicodeDecodeError) -> Letters:
    """Windows-1258, or the bytes of an old font as its letters are taken for: what makes most sense as Vietnamese."""
    old = data.decode("latin-1")
    fewest = min(strange(font.turn(old[:_LOOKED_AT])) for font in FONTS)
    try:
        text = unicodedata.normalize("NFC", data.decode("cp1258"))
    except UnicodeDecodeError as error:
        if fewest < strange(old[:_LOOKED_AT]):
            return Letters(old)
        raise error from fault
    if fewest < strange(text[:_LOOKED_AT]):
        return Letters(old)
    return Letters(text, (Remark(0, "", "windows", {}, False),))


def turned(lines: Sequence[SheetLine], font: Font) -> list[SheetLine]:
    """All cells in a font's letters: to find a heading."""
    return [
        line._replace(cells={at: cell._replace(text=read_as(cell.text, font)) for at, cell in line.cells.items()})
        for line in lines
    ]


def read_body(
    body: Sequence[SheetLine], heading: Heading, font: Font | None
) -> tuple[list[SheetLine], tuple[Remark, ...]]:
    """The rows below a heading in today's letters, and what was turned. `font`: the heading's own, None for today's."""
    notes = [Remark(0, "", "old_font", {"font": font.name}, False)] if font else []
    titles = {at: heading.titles[what] for what, at in heading.columns.items()}
    fonts: dict[int, Font | None] = {}
    for at, title in titles.items() if font is None else ():
        fonts[at] = column_font([line.cells[at].text for line in body if at in line.cells])
        if (whole := fonts[at]) is not None:
            notes.append(Remark(0, title, "old_column", {"font": whole.name}, False))
    lines = []
    for line in body:
        cells = dict(line.cells)
        for at, title in titles.items():
            text = cells[at].text if at in cells else ""
            own = _font(text, font, fonts.get(at))
            if own is None:
                continue
            cells[at] = cells[at]._replace(text=read_as(text, own))
            if font is None and fonts[at] is None:
                with_ = {"text": text, "known": cells[at].text, "font": own.name}
                notes.append(Remark(line.number, title, "old_cell", with_, False))
        lines.append(line._replace(cells=cells))
    return lines, tuple(notes)


def _font(text: str, heading: Font | None, column: Font | None) -> Font | None:
    """The old font a cell is typed for, None for none."""
    if text.isascii():
        return None
    if heading is not None:
        return None if is_sound(text, heading) else heading
    return column or font_of(text)
