"""Files of rows: CSV in the encodings and with the separators spreadsheets write, and XLSX. The one door to openpyxl.

Values only: no formula is worked out, no link followed, no macro looked at. Size, rows, columns and cells are capped;
whatever bytes a file holds, only `ConfigError` and `UsageError` leave here.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from netmon.conference import sheetheads
from netmon.conference.sheetfonts import from_tcvn3
from netmon.conference.sheetheads import Heading, Row
from netmon.conference.sheettext import tidy
from netmon.conference.sheetwords import Told
from netmon.errors import ConfigError, Problem, UsageError
from probes.clean import clean

MAX_BYTES = 16 << 20
MAX_UNPACKED = 128 << 20  # of all parts of an XLSX
MAX_PARTS = 2_000
MAX_ROWS = 20_000
MAX_COLUMNS = 200
MAX_CELL = 2_000
_SEPARATORS = (",", ";", "\t", "|")
_OLD_FONT = Told(0, "", "old_font", {}, False)
_ZIP = b"PK"
_OLE = b"\xd0\xcf\x11\xe0"  # XLS, and XLSX under a password


class Sheet(NamedTuple):
    """Rows with their heading, and what is to be told of the file."""

    rows: tuple[Row, ...]
    heading: Heading
    notes: tuple[Told, ...]


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
    if data[:2] == _ZIP:
        return _of_workbook(path, data, sheet)
    if sheet:
        raise UsageError([Problem("command line", "--sheet", "a CSV file has one sheet only", "leave it out")])
    return _of_text(path, data)


def _bad(path: Path, what: str, write: str = "") -> ConfigError:
    return ConfigError([Problem(clean(str(path)), "", what, write)])


_SAY_HEADING = "above the rooms there must be a row with titles as Mã xã, Tên điểm cầu, Địa chỉ IP"


def _tidied(path: Path, rows: Iterable[Sequence[str]]) -> tuple[Row, ...]:
    """Rows numbered from 1, within the caps."""
    found: list[Row] = []
    for at, cells in enumerate(rows, 1):
        if at > MAX_ROWS:
            raise _bad(path, f"has more than {MAX_ROWS} rows", "split it")
        told = list(cells)
        while told and not told[-1]:
            told.pop()
        if len(told) > MAX_COLUMNS:
            raise _bad(path, f"row {at} has more than {MAX_COLUMNS} columns", "delete what is not the list")
        if any(len(cell) > MAX_CELL for cell in told):
            what = f"row {at} has a cell of more than {MAX_CELL} letters"
            raise _bad(path, what, "shorten it; in a CSV, close the quotes")
        found.append(Row(at, tuple(map(tidy, told))))
    return tuple(found)


# --- text ---


def _of_text(path: Path, data: bytes) -> Sheet:
    text, notes = _decoded(path, data)
    try:
        return _best(path, text, notes)
    except ConfigError as fault:
        try:
            return _best(path, from_tcvn3(data.decode("latin-1")), (_OLD_FONT,))
        except ConfigError:
            raise fault from None


def _best(path: Path, text: str, notes: tuple[Told, ...]) -> Sheet:
    """The separator by which most columns have titles. Raises `ConfigError` when none has."""
    best: Sheet | None = None
    fault: ConfigError | None = None
    for separator in _SEPARATORS:
        try:
            rows = _tidied(path, _split(path, text, separator))
        except ConfigError as error:
            fault = fault or error
            continue
        heading = sheetheads.find(rows)
        if heading and (best is None or len(heading.columns) > len(best.heading.columns)):
            best = Sheet(rows, heading, notes)
    if best is None:
        raise fault or _bad(path, "has no heading netmon knows", f"{_SAY_HEADING}; or save it as CSV UTF-8")
    return best


def _split(path: Path, text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        what = f"line {reader.line_num} is no CSV: {clean(str(error), 80)}"
        raise _bad(path, what, 'close the quotes; write a quotation mark within quotes twice: ""') from error


def _decoded(path: Path, data: bytes) -> tuple[str, tuple[Told, ...]]:
    """UTF-8 or UTF-16 where the bytes say so, else Windows-1258, which is told."""
    try:
        return _unicode(data), ()
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1258"), (Told(0, "", "windows", {}, False),)
    except UnicodeDecodeError as fault:
        what = f"is no text: byte {fault.start} is neither UTF-8, UTF-16 nor Windows-1258"
        raise _bad(path, what, "save it as CSV UTF-8 or as XLSX") from fault


def _unicode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    zeros = data[:400].count(0)
    if zeros > len(data[:400]) // 4:  # UTF-16 without its mark: the zeros are the high bytes of ASCII
        return data.decode("utf-16-le" if data[:400:2].count(0) < zeros / 2 else "utf-16-be")
    return data.decode("utf-8-sig")


# --- workbooks ---


def _of_workbook(path: Path, data: bytes, wanted: str) -> Sheet:
    _weigh(path, data)
    import openpyxl  # only an XLSX needs it

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        names = [str(name) for name in book.sheetnames]
        found = {name: list(_cells(book[name])) for name in names if wanted in ("", name)}
    except ConfigError:
        raise
    except Exception as fault:  # its reader lets out whatever a broken file runs into
        what = f"is no XLSX that can be read: {clean(str(fault) or type(fault).__name__, 120)}"
        raise _bad(path, what, "open it, save it anew as XLSX, or save it as CSV UTF-8") from fault
    if wanted and not found:
        known = clean(", ".join(names), 200)
        raise UsageError([Problem("command line", "--sheet", f"no sheet {clean(wanted, 60)!r}", f"known: {known}")])
    return _chosen(path, found)


def _chosen(path: Path, found: dict[str, list[list[str]]]) -> Sheet:
    """The one sheet with a heading, in today's letters or, where none has one, in those of old fonts."""
    told = _with_heading(path, found)
    notes = () if told else (_OLD_FONT,)
    if not told:
        told = _with_heading(
            path, {name: [[from_tcvn3(cell) for cell in row] for row in rows] for name, rows in found.items()}
        )
    if not told:
        raise _bad(path, "has no heading netmon knows", _SAY_HEADING)
    if len(told) > 1:
        names = clean(", ".join(told), 200)
        raise UsageError([Problem(clean(str(path)), "", f"has {len(told)} lists: {names}", "--sheet says which")])
    return Sheet(*next(iter(told.values())), notes)


def _with_heading(path: Path, found: dict[str, list[list[str]]]) -> dict[str, tuple[tuple[Row, ...], Heading]]:
    rows = {name: _tidied(path, cells) for name, cells in found.items()}
    return {name: (told, heading) for name, told in rows.items() if (heading := sheetheads.find(told)) is not None}


def _weigh(path: Path, data: bytes) -> None:
    """Refuse an archive that would unpack to more than anybody's list of rooms."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except Exception as fault:  # zipfile lets out several kinds for broken directories
        raise _bad(path, "is no XLSX that can be read", "open it and save it anew") from fault
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _bad(path, "is too large unpacked", "take pictures and other sheets out of it")


def _cells(sheet: Any) -> Iterator[list[str]]:
    if hasattr(sheet, "reset_dimensions"):
        sheet.reset_dimensions()  # files lie about their size
    else:
        return  # a sheet of charts
    for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS + 1):
        yield [_text(value) for value in row]


def _text(value: Any) -> str:
    """A cell's value as a person reads it; whole numbers without `.0`."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
