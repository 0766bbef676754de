"""Workbooks (XLSX): rows with what is hidden, merged and odd about them. The one door to openpyxl.

Values as they were last saved: no formula is worked out, no link followed, no macro looked at. Its reader is used row by
row, for it tells neither hidden rows nor merged cells when it reads without building everything in memory.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from bisect import bisect_left
from typing import Any

import openpyxl
from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils.cell import range_boundaries
from openpyxl.worksheet._reader import COL_TAG, FORMULA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

from netmon.conference.sheet.cells import MAX_COLUMNS, MAX_ROWS, SheetLine, SheetPage, of_value

_MERGED_TAG = f"{{{SHEET_MAIN_NS}}}mergeCell"
_TRUE = ("1", "true", "on")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
MAX_FILLED = 1_000_000  # cells given the value of a merged one
# ISO/IEC 29500-1 Strict → Transitional, the only one the library knows; both say the same of a list.
_STRICT = "http://purl.oclc.org/ooxml/"
_LOOSE = (
    ("http://purl.oclc.org/ooxml/spreadsheetml/main", SHEET_MAIN_NS),
    (
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
)


def pages(data: bytes, wanted: str) -> tuple[list[str], list[SheetPage]]:
    """The names of all sheets, and the one of a name, or all. Raises whatever the library does for a broken file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what it cannot keep when it saves; nobody saves here
        book = openpyxl.load_workbook(io.BytesIO(_loose(data)), read_only=True, data_only=True, keep_links=False)
        names = [str(name) for name in book.sheetnames]
        pages = [
            _page(book, name) for name in names if _is_wanted(name, wanted) and hasattr(book[name], "reset_dimensions")
        ]
    return names, pages


def _is_wanted(name: str, wanted: str) -> bool:
    return not wanted or name.strip().casefold() == wanted.strip().casefold()


def _loose(data: bytes) -> bytes:
    """A Strict workbook with the names of a usual one; all others as they are."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        telling = (name for name in archive.namelist() if name.endswith((".rels", "book.xml")))
        if not any(_STRICT.encode() in archive.read(name) for name in telling):
            return data
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as changed:
            for name in archive.namelist():
                part = archive.read(name)
                for strict, loose in _LOOSE:
                    part = part.replace(strict.encode(), loose.encode())
                changed.writestr(name, part)
    return made.getvalue()


def _page(book: Any, name: str) -> SheetPage:
    sheet = book[name]
    lines: list[SheetLine] = []
    merged: list[str] = []
    hidden: set[int] = set()
    with book._archive.open(sheet._worksheet_path) as source:
        parser = WorkSheetParser(
            source, sheet._shared_strings, data_only=True, epoch=book.epoch, date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        for _, element in iterparse(source):
            if element.tag == ROW_TAG:
                line = _line(parser, element, book)
                lines += [line] if line.cells else []
                if len(lines) > MAX_ROWS:
                    break  # more than is taken: told by who asked
            elif element.tag == _MERGED_TAG:
                merged.append(element.get("ref", ""))
            elif element.tag == COL_TAG and (element.get("hidden") in _TRUE or _is_flat(element, "width")):
                hidden.update(range(int(element.get("min")) - 1, min(int(element.get("max")), 1000)))
            if element.tag in (ROW_TAG, _MERGED_TAG, COL_TAG):
                element.clear()
    lines.sort(key=lambda line: line.number)
    _fill(lines, merged)
    return SheetPage(name, lines, sheet.sheet_state != "visible", frozenset(hidden))


def _line(parser: Any, element: Any, book: Any) -> SheetLine:
    """What stands in a row: cells that are only coloured are nothing."""
    number, shown = parser.parse_row(element)
    cells = {}
    for raw, cell in zip(element, shown, strict=True):
        is_formula = raw.get("t") != "str" and raw.find(FORMULA_TAG) is not None
        value = cell["value"]
        made = of_value(_unescaped(value) if isinstance(value, str) else value, is_formula, _form(book, cell))
        if made.text.strip() or made.odd:
            cells[min(cell["column"] - 1, MAX_COLUMNS)] = made
    return SheetLine(number, cells, element.get("hidden") in _TRUE or _is_flat(element, "ht"))


def _is_flat(element: Any, name: str) -> bool:
    return element.get(name) is not None and float(element.get(name)) == 0.0


def _form(book: Any, cell: dict[str, Any]) -> str:
    """The number format of a cell."""
    if not cell["style_id"] or not isinstance(cell["value"], int | float):
        return "General"
    number = book._cell_styles[cell["style_id"]].numFmtId
    known = BUILTIN_FORMATS.get(number)
    return str(known or book._number_formats[number - BUILTIN_FORMATS_MAX_SIZE])


def _unescaped(text: str) -> str:
    """Letters XML cannot hold, and line ends, stand as `_x000D_` (ISO/IEC 29500-1 §22.9.2.19, ST_Xstring)."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _fill(lines: list[SheetLine], merged: list[str]) -> None:
    """A value merged over rows holds for each of them that has something of its own."""
    numbers, left = [line.number for line in lines], MAX_FILLED
    for ref in merged:
        column, first, _, last = range_boundaries(ref)
        begin, end = bisect_left(numbers, first), bisect_left(numbers, last + 1)
        if begin == end or numbers[begin] != first or column - 1 not in lines[begin].cells:
            continue
        left -= end - begin
        if left < 0:
            raise ValueError(f"more than {MAX_FILLED} merged cells")
        value = lines[begin].cells[column - 1]
        for at in range(begin + 1, end):
            line = lines[at]
            lines[at] = line._replace(cells={**line.cells, column - 1: value}, merged=line.merged | {column - 1})
