"""Files of rows: CSV in the encodings and with the separators spreadsheets write, and XLSX.

Size, rows, columns and cells are capped; whatever bytes a file holds, only `ConfigError` and `UsageError` leave here.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from netmon.conference.sheet import header
from netmon.conference.sheet import letters as encodings
from netmon.conference.sheet.cells import (
    BYTE,
    FORMULA,
    LOST,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Odd,
    SheetCell,
    SheetLine,
    SheetPage,
    of_text,
)
from netmon.conference.sheet.fonts import FONTS, Font
from netmon.conference.sheet.header import Heading, Row
from netmon.conference.sheet.letters import BYTE_MARKS, Letters
from netmon.conference.sheet.messages import Remark
from netmon.conference.sheet.text import tidy
from netmon.errors import ConfigError, Problem, UsageError
from probes.clean import clean

MAX_BYTES = 16 << 20
MAX_UNPACKED = 128 << 20  # of all parts of an XLSX
MAX_PARTS = 2_000
_TOP = 200  # rows from the top that are kept though they are blank: a heading is known by its neighbours
_SEPARATORS = (",", ";", "\t", "|")
_ZIP = b"PK"
_OLE = b"\xd0\xcf\x11\xe0"  # XLS, and XLSX under a password

_STRANGERS = (
    (b"<", "a web page or XML, whatever its name ends in"),
    (b"%pdf", "a PDF"),
    (b"{\\rtf", "a text document (RTF)"),
)

_CSV_SAYS = (  # the reader → people
    ("unexpected end of data", "quotes are never closed"),
    ("expected after", "something stands behind closing quotes"),
)


class Sheet(NamedTuple):
    """Rows with their heading, and what is to be told of the file."""

    rows: tuple[Row, ...]
    heading: Heading
    notes: tuple[Remark, ...]


def read(path: Path, sheet: str = "") -> Sheet:
    """The rows of a file; `sheet`: the name of one of several. Raises `ConfigError`, `UsageError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as fault:
        raise _bad(path, fault.strerror or "cannot be read") from fault
    if len(data) > MAX_BYTES:
        raise _bad(path, f"is larger than {MAX_BYTES >> 20} MiB", "take pictures and other sheets out of it")
    return parse(path, data, sheet)


def parse(path: Path, data: bytes, sheet: str = "") -> Sheet:
    """The same of a file's bytes."""
    if data[:4] == _OLE:
        raise _bad(path, "is an XLS file, or has a password", "save it as XLSX or as CSV UTF-8, without a password")
    for begin, what in _STRANGERS:
        if data.lstrip()[: len(begin)].lower() == begin:
            raise _bad(path, f"is {what}", "open it in a spreadsheet, save it as XLSX or as CSV UTF-8")
    if data[:2] == _ZIP:
        return _of_workbook(path, data, sheet)
    if sheet:
        raise UsageError([Problem("command line", "--sheet", "a CSV file has one sheet only", "leave it out")])
    return _of_text(path, data)


def _bad(path: Path, what: str, write: str = "") -> ConfigError:
    return ConfigError([Problem(clean(str(path)), "", what, write)])


_SAY_HEADING = "above the rooms there must be a row with titles as Mã xã, Tên điểm cầu, Địa chỉ IP"


def _rows(path: Path, lines: Iterable[SheetLine]) -> tuple[Row, ...]:
    """Tidy rows, within the caps; blank ones only near the top."""
    rows: list[Row] = []
    for many, line in enumerate(lines, 1):
        while len(rows) < min(line.number - 1, _TOP):
            rows.append(Row(len(rows) + 1, ()))
        if many > MAX_ROWS:
            raise _bad(path, f"has more than {MAX_ROWS} rows", "split it")
        rows.append(_row(path, line))
    return tuple(rows)


def _row(path: Path, line: SheetLine) -> Row:
    width = max(line.cells, default=-1) + 1
    if width > MAX_COLUMNS:
        raise _bad(path, f"row {line.number} has more than {MAX_COLUMNS} columns", "delete what is not the list")
    if any(len(cell.text) > MAX_CELL for cell in line.cells.values()):
        what = f"row {line.number} has a cell of more than {MAX_CELL} letters"
        raise _bad(path, what, "shorten it; in a CSV, close the quotes")
    cells = tuple(tidy(line.cells[at].text) if at in line.cells else "" for at in range(width))
    odd = {at: cell.odd for at, cell in line.cells.items() if cell.odd}
    return Row(line.number, cells, odd, line.is_hidden, line.merged)


class _Found(NamedTuple):
    """A page with a heading. `font`: the heading's letters, None for today's."""

    page: SheetPage
    heading: Heading
    font: Font | None


def _found(path: Path, page: SheetPage) -> _Found | None:
    """The list on a page, its heading in today's letters or in those of an old font; None when it has none."""
    top = page.lines[: header.LOOKED_AT + 2]
    for font in (None, *FONTS):
        heading = header.find(_rows(path, encodings.turned(top, font) if font else top))
        if heading is not None:
            return _Found(page, heading, font)
    return None


def _in_letters(path: Path, listed: _Found) -> Sheet:
    """The rows of a list, each cell in the letters it is typed in."""
    page, heading, font = listed
    top = encodings.turned(page.lines[: heading.body], font) if font else page.lines[: heading.body]
    last = _rows(path, top)[: heading.body][-1].number
    body, notes = encodings.read_body([line for line in page.lines if line.number > last], heading, font)
    remarks = [
        Remark(0, heading.titles[what], "hidden_column", {}, False)
        for what, at in heading.columns.items()
        if at in page.hidden_columns
    ]
    remarks += [
        Remark(line.number, "", cell.odd.code, {"text": cell.text, "detail": cell.odd.detail}, False)
        for line in top
        for cell in line.cells.values()
        if cell.odd is not None and cell.odd.code in (BYTE, LOST)
    ]
    rows = _rows(path, [*(line for line in top if line.number <= last), *body])
    return Sheet(rows, heading, (*notes, *remarks))


# --- text ---


def _of_text(path: Path, data: bytes) -> Sheet:
    """By the separator with which most columns have titles. Raises `ConfigError` when none has."""
    letters = _decoded(path, data)
    best: _Found | None = None
    fault: ConfigError | None = None
    for separator in _SEPARATORS:
        try:
            listed = _found(path, SheetPage("", list(_split(path, letters, separator))))
        except ConfigError as error:
            fault = fault or error
            continue
        if listed and (best is None or len(listed.heading.columns) > len(best.heading.columns)):
            best = listed
    if best is None:
        raise fault or _bad(
            path, f"has no heading netmon knows{_damage(letters)}", f"{_SAY_HEADING}; or save it as CSV UTF-8"
        )
    sheet = _in_letters(path, best)
    return sheet._replace(notes=(*letters.notes, *sheet.notes))


def _damage(letters: Letters) -> str:
    """Where a text is damaged that has no heading: it may have been in the heading."""
    if not letters.bad:
        return ""
    line = letters.text.count("\n", 0, next(BYTE_MARKS.finditer(letters.text)).start()) + 1
    return f"; line {line}, byte {letters.bad[0]} is no UTF-8"


def _split(path: Path, letters: Letters, separator: str) -> Iterator[SheetLine]:
    """The rows that say anything; bytes that are no text are told of their cells."""
    text = letters.text.rstrip("\0\x1a")  # what some programs fill the last block with
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    places, began = iter(letters.bad), 1
    try:
        for number, row in enumerate(reader, 1):
            began = reader.line_num + 1
            cells = {at: _cell(text, places) for at, text in enumerate(row) if text.strip()}
            if cells:
                yield SheetLine(number, cells)
    except csv.Error as error:
        where = f"line {began}" if began >= reader.line_num else f"what begins in line {began}"
        said = next((own for theirs, own in _CSV_SAYS if theirs in str(error)), clean(str(error), 80))
        what = f"{where} is no CSV: {said}"
        raise _bad(path, what, 'close the quotes; write a quotation mark within quotes twice: ""') from error


def _cell(text: str, places: Iterator[int]) -> SheetCell:
    marks = BYTE_MARKS.findall(text)
    if not marks:
        return of_text(text)
    byte, *_ = [next(places) for _ in marks]
    return SheetCell(BYTE_MARKS.sub("\ufffd", text), Odd(BYTE, f"{byte} (0x{ord(marks[0]) - 0xDC00:02X})"))


def _decoded(path: Path, data: bytes) -> Letters:
    try:
        return encodings.decoded(data)
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        what = f"is no text: line {line}, byte {fault.start + 1} is neither UTF-8, UTF-16 nor Windows-1258"
        raise _bad(path, what, "save it as CSV UTF-8 or as XLSX") from fault


# --- workbooks ---


def _of_workbook(path: Path, data: bytes, wanted: str) -> Sheet:
    _weigh(path, data)
    from netmon.conference.sheet import workbook  # only an XLSX needs its library

    try:
        names, pages = workbook.pages(data, wanted)
    except Exception as fault:  # its reader lets out whatever a broken file runs into
        if kind := _other_archive(data):
            raise _bad(path, f"is {kind}", "open it, save it as Excel Workbook (*.xlsx) or as CSV UTF-8") from fault
        what = f"is no XLSX that can be read: {clean(str(fault) or type(fault).__name__, 120)}"
        raise _bad(path, what, "open it, save it as Excel Workbook (*.xlsx), or save it as CSV UTF-8") from fault
    if wanted and not pages:
        known = clean(", ".join(names), 200)
        raise UsageError([Problem("command line", "--sheet", f"no sheet {clean(wanted, 60)!r}", f"known: {known}")])
    return _chosen(path, pages, wanted)


def _other_archive(data: bytes) -> str:
    """What a ZIP holds that is no XLSX, "" when nobody can say."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
    if "content.xml" in names:
        return "an OpenDocument file (ODS)"
    if any(name.endswith("workbook.bin") for name in names):
        return "an XLSB file"
    if any(name.startswith(("word/", "ppt/")) for name in names):
        return "a text document or a presentation"
    inside = [name for name in names if name.lower().endswith((".xlsx", ".csv", ".xls"))]
    return f"an archive with {clean(inside[0], 60)} in it" if inside else ""


def _chosen(path: Path, pages: Sequence[SheetPage], wanted: str) -> Sheet:
    """The one sheet with a heading; a hidden one only when it is named."""
    lists = {page.name: listed for page in pages if (listed := _found(path, page)) is not None}
    hidden = [page.name for page in pages if page.is_hidden and page.name in lists and not wanted]
    seen = [name for name in lists if name not in hidden]
    if not lists:
        raise _no_heading(path, pages)
    if len(seen) != 1:
        names = clean(", ".join(seen or hidden), 200)
        what = f"has {len(seen)} lists: {names}" if seen else f"has a list on a hidden sheet only: {names}"
        raise UsageError([Problem(clean(str(path)), "", what, "--sheet says which")])
    sheet = _in_letters(path, lists[seen[0]])
    notes = (Remark(0, "", "hidden_sheet", {"text": ", ".join(hidden)}, False),) if hidden else ()
    return sheet._replace(notes=(*sheet.notes, *notes))


def _no_heading(path: Path, pages: Sequence[SheetPage]) -> ConfigError:
    cells = (cell for page in pages for line in page.lines for cell in line.cells.values())
    formulas = sum(cell.odd is not None and cell.odd.code == FORMULA for cell in cells)
    if not formulas:
        return _bad(path, "has no heading netmon knows", _SAY_HEADING)
    what = f"has no heading netmon knows; {formulas} of its cells are formulas that were never worked out"
    return _bad(path, what, f"open it in a spreadsheet and save it; {_SAY_HEADING}")


def _weigh(path: Path, data: bytes) -> None:
    """Refuse an archive that would unpack to more than anybody's list of rooms."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except Exception as fault:  # zipfile lets out several kinds for broken directories
        raise _bad(path, "is no XLSX that can be read", "open it and save it anew") from fault
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _bad(path, "is too large unpacked", "take pictures and other sheets out of it")
