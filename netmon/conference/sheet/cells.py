"""Cells whose value is not what was typed: errors, dates, numbers that lost their digits, formulas never worked out. Pure.

Each has a code, which `sheetwords` has the words for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

ERROR, DIGITS, DATE, FORMULA, TRUTH, BYTE = "error", "digits", "date", "formula", "truth", "byte"
PERCENT, LOST = "percent", "lost"
MAX_DIGITS = 15  # a spreadsheet keeps no more of a number
MAX_ROWS = 20_000  # that say anything
MAX_COLUMNS = 200
MAX_CELL = 2_000  # letters
_ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BUSY!|UNKNOWN!|#+|[^\W\d_]{2,12}[!?])|Err:\d{3}"
)
_POWER = re.compile(r"[+-]?\d+(?:[.,]\d+)? ?E[+-]?\d{1,3}", re.IGNORECASE | re.ASCII)
_PERCENT = re.compile(r"[+-]?\d+(?:[.,]\d+)? ?%", re.ASCII)
_NO_LETTERS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")  # what stands where a letter was lost
_PARTS = re.compile(
    r'"([^"]*)"|\\(.)|(\[[^\]]*\]|_.|\*.)|([0#?])|(.)', re.DOTALL
)  # of a number format (ECMA-376 §18.8.31)
_KEPT = re.compile('="([^"]*)"')  # how programs keep a spreadsheet from making a number of 00083
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|thg ?\d{1,2})[a-z]*"
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?"
    r"|\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)\d\d(?: \d{1,2}:\d\d(?::\d\d)?)?"
    r"|\d{1,2}/\d{1,2}/\d\d"
    rf"|\d{{1,2}}[ -]{_MONTH}(?:[ -]\d{{2,4}})?|{_MONTH}[ -]\d{{1,4}}",
    re.IGNORECASE | re.ASCII,
)


class Odd(NamedTuple):
    """What is odd about a cell: a code, and what it is filled with."""

    code: str
    detail: str = ""


DATE_TYPED = Odd(DATE)


class SheetCell(NamedTuple):
    """What a person reads in a cell, and what is odd about it."""

    text: str
    odd: Odd | None = None


class SheetLine(NamedTuple):
    """One row as it stands in a file, numbered from 1. `cells`: position from 0 → what is there, without empty ones.
    `merged`: positions whose value comes from a row above."""

    number: int
    cells: Mapping[int, SheetCell]
    is_hidden: bool = False
    merged: frozenset[int] = frozenset()


class SheetPage(NamedTuple):
    """One sheet: the rows that say anything, in order. `hidden_columns`: positions from 0."""

    name: str
    lines: Sequence[SheetLine]
    is_hidden: bool = False
    hidden_columns: frozenset[int] = frozenset()


def of_text(text: str) -> SheetCell:
    """A cell of a CSV, or text of a workbook."""
    said = text.strip()
    if said.startswith("="):
        kept = _KEPT.fullmatch(said)
        return SheetCell(kept[1]) if kept else SheetCell(text, Odd(FORMULA))
    if said.startswith(("#", "Err:")) and _ERROR.fullmatch(said):
        return SheetCell(text, Odd(ERROR))
    if said[:1] in "+-0123456789" and _POWER.fullmatch(said):
        return SheetCell(text, Odd(DIGITS))
    if said in ("TRUE", "FALSE"):
        return SheetCell(text, Odd(TRUTH))
    if said.endswith("%") and _PERCENT.fullmatch(said):
        return SheetCell(text, Odd(PERCENT))
    if lost := _NO_LETTERS.search(said):
        return SheetCell(_NO_LETTERS.sub("\ufffd", text), Odd(LOST, f"U+{ord(lost[0]):04X}"))
    return SheetCell(text)


def of_value(value: Any, is_formula: bool, form: str = "General") -> SheetCell:
    """A cell of a workbook; whole numbers without `.0`, and as their number format `form` shows them where that adds
    digits or letters."""
    if value is None:
        return SheetCell("", Odd(FORMULA) if is_formula else None)
    if isinstance(value, bool):
        return SheetCell(str(value).upper(), Odd(TRUTH))
    if isinstance(value, datetime | date | time | timedelta):
        text = str(value) if isinstance(value, timedelta) else value.isoformat()
        return SheetCell(text.removesuffix("T00:00:00"), Odd(DATE))
    if isinstance(value, int | float):
        return _of_number(value) if form == "General" else _formatted(value, form)
    return of_text(str(value))


def _of_number(value: float) -> SheetCell:
    if not isinstance(value, int) and not value.is_integer():
        return SheetCell(str(value), Odd(DIGITS) if "e" in str(value) or value != value else None)
    whole = str(int(value))
    return SheetCell(whole, Odd(DIGITS) if len(whole.lstrip("-")) > MAX_DIGITS else None)


def _formatted(value: float, form: str) -> SheetCell:
    """42 in the form `0000` is 0042, as everybody sees it; separators a form puts between digits are left out."""
    parts = _PARTS.findall(form.partition(";")[0])
    signs = {sign for *_, sign in parts}
    if "%" in signs:
        return SheetCell(f"{round(100 * value, 6):g}%", Odd(PERCENT))
    cell, places = _of_number(value), [at for at, (_, _, _, place, _) in enumerate(parts) if place]
    if cell.odd or not cell.text.isdigit() or not places or signs & set(".,/Ee"):
        return cell
    words = [quoted or escaped for quoted, escaped, *_ in parts]
    words = [word if any(map(str.isalnum, word)) else "" for word in words]
    digits = cell.text.zfill(sum(place == "0" for *_, place, _ in parts))
    return SheetCell("".join([*words[: places[0]], digits, *words[places[-1] :]]))


def looks_like_date(text: str) -> bool:
    """Is a text what a spreadsheet makes of 8-1 or 2/9? Only of use where a date can never be meant."""
    return _DATE.fullmatch(text.strip()) is not None
