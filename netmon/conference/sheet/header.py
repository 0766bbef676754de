"""The heading of a sheet: which column holds what, in Vietnamese or English, with accents or without. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netmon.conference.sheet.cells import Odd
from netmon.conference.sheet.messages import Remark
from netmon.conference.sheet.text import fold

NOTHING_ODD: Mapping[int, Odd] = {}
LOOKED_AT = 60  # rows from the top in which a heading must begin
_MIN_TITLES = 3  # known titles of another heading among the rooms
PLACES = ("code", "commune", "province", "province_code", "room")


class Row(NamedTuple):
    """One row as a spreadsheet numbers it, from 1; cells are tidy text. `odd`: position → what is odd about a cell;
    `merged`: positions whose value holds from a row above."""

    number: int
    cells: tuple[str, ...]
    odd: Mapping[int, Odd] = NOTHING_ODD
    is_hidden: bool = False
    merged: frozenset[int] = frozenset()


class Heading(NamedTuple):
    """`columns`: what → its position; `titles`: what → what stands in the sheet; `body`: the first row below, counted
    from 0."""

    columns: Mapping[str, int]
    titles: Mapping[str, str]
    row: Row
    body: int
    notes: tuple[Remark, ...]


_COMMUNES = "xa|phuong|dac khu|thi tran"
# What stands above a column, folded → what the column holds. The first that fits.
_SAID = tuple(
    (what, re.compile(pattern, re.ASCII))
    for what, pattern in (
        ("number", r"stt|tt|so tt|so thu tu|no|nr|number"),
        ("province_code", r"ma (so )?(tinh|tp|thanh pho)( (tp|thanh pho))?|province code"),
        (
            "code",
            rf"ma (so )?(({_COMMUNES}|don vi|dvhc|hanh chinh|dia ban|cap)( |$)){{1,6}}(hanh chinh)?|ma|ma so"
            r"|ma don vi hanh chinh( cap xa)?|code|(commune|ward|administrative|unit) code",
        ),
        ("phone", r"(so )?(dien thoai|dt|sdt|dtdd|di dong)( .{1,40})?|(phone|mobile|tel|telephone)( .{1,20})?"),
        ("address", r"(dia chi )?ip( .{1,30})?|dia chi (mang|thiet bi)|(ip )?address|ip address( .{1,20})?"),
        ("domain", r"ten mien( .{1,30})?|domain( name)?|fqdn|host ?name|host|dns( name)?"),
        ("protocol", r"giao thuc( .{1,40})?|(signalling )?protocol( .{1,20})?"),
        (
            "alias",
            r"(so may|so goi|alias|so hieu may|e ?164|extension|so noi bo|sip uri|h ?323 id|uri|ten goi)( .{1,40})?",
        ),
        (
            "contact",
            r"(ho (va )?ten )?(can bo )?(nguoi )?(dau moi|phu trach|lien he|truc ky thuat|ky thuat)( .{1,40})?"
            r"|ho (va )?ten|contact( person| name)?|person in charge|technician",
        ),
        ("note", r"ghi chu( .{1,30})?|notes?|remarks?|comments?"),
        (
            "room",
            r"(ten )?(diem cau|phong hop|diem hop|hoi truong)( (truyen hinh|truc tuyen|hoi nghi|cap xa|xa|phuong)){0,4}"
            r"|room( name)?|bridge point|meeting room|site name",
        ),
        (
            "commune",
            rf"(ten )?((cap )?({_COMMUNES}|don vi|dia phuong|dvhc)( |$)){{1,6}}(hanh chinh)?( cap xa)?"
            r"|commune( name)?|ward|commune ward|unit",
        ),
        ("province", r"(ten )?((tinh|thanh pho|tp)( |$)){1,4}(truc thuoc .{1,20})?|province( city| name)?|city"),
    )
)


def meaning(title: str) -> str:
    """What a column of that title holds, "" when nobody can say. What stands in brackets is an explanation."""
    for text in (fold(title), fold(re.sub(r"\([^)]*\)?", " ", title))):
        for what, pattern in _SAID:
            if text and pattern.fullmatch(text):
                return what
    return ""


def find(rows: Sequence[Row]) -> Heading | None:
    """The row that names most columns, with what a row above or below it adds (merged headings)."""
    best, many = -1, 1
    for at, row in enumerate(rows[:LOOKED_AT]):
        known = {what for cell in row.cells if (what := meaning(cell))}
        if len(known) > many and known & set(PLACES):
            best, many = at, len(known)
    return None if best < 0 else _heading(rows, best)


def within(row: Row) -> Heading | None:
    """Another heading among the rooms: of three known titles at least, one of them a place's."""
    words = [cell for cell in row.cells if cell and not any(map(str.isdigit, cell))]
    if len(words) < _MIN_TITLES or not any(map(meaning, words[:2])):  # most rows: no need to look at each cell
        return None
    known = {what for cell in row.cells if (what := meaning(cell))}
    return _heading([row], 0) if len(known) >= _MIN_TITLES and known & set(PLACES) else None


def _heading(rows: Sequence[Row], at: int) -> Heading:
    titles = list(rows[at].cells)
    body = at + 1
    if at + 1 < len(rows) and _all_titles(rows[at + 1]):
        _fill(titles, rows[at + 1].cells)
        body += 1
    if at > 0:
        _fill(titles, rows[at - 1].cells)
    columns: dict[str, int] = {}
    notes: list[Remark] = []
    for position, title in enumerate(titles):
        what = meaning(title)
        if what and what not in columns:
            columns[what] = position
        if title and (not what or what == "note" or columns[what] != position):
            code = "twice" if what and what != "note" else "unused"
            notes.append(Remark(rows[at].number, "", code, {"text": title}, False))
    named = {what: titles[position] for what, position in columns.items()}
    return Heading(columns, named, Row(rows[at].number, tuple(titles)), body, tuple(notes))


def _all_titles(row: Row) -> bool:
    cells = [cell for cell in row.cells if cell]
    return bool(cells) and all(map(meaning, cells))


def _fill(titles: list[str], cells: Sequence[str]) -> None:
    """Titles from a second row, where the first says nothing of use and the second does."""
    titles += [""] * (len(cells) - len(titles))
    known = {meaning(title) for title in titles}
    for position, cell in enumerate(cells):
        what = meaning(cell)
        if what and what not in known and not meaning(titles[position]):
            titles[position] = cell
            known.add(what)
