"""Cells and rows that are not what somebody typed: merged, hidden, never worked out, broken by a spreadsheet, damaged."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import PatternFill

from inventory.timestamp import Timestamp
from netmon.conference.sheet import cells as sheetcells
from netmon.conference.sheet import file as readsheet
from netmon.conference.sheet import importer as sheet
from netmon.conference.sheet.importer import ConferenceHead, ImportResult
from netmon.errors import ConfigError, UsageError

MEETING = ConferenceHead(
    "hn", "", Timestamp("2026-12-01T08:00:00+07:00"), Timestamp("2026-12-01T11:00:00+07:00"), ("m1",), "conf-720p"
)
HEADS = ["STT", "Mã xã", "Tên điểm cầu", "Địa chỉ IP", "Giao thức", "Số máy", "Đầu mối", "Điện thoại"]
ROOM = [1, "00083", "Hội trường A", "10.1.1.1", "SIP", "2001", "Nguyễn Văn A", "0912345678"]
OTHER = [2, "00086", "Hội trường B", "10.1.1.2", "SIP", "2002", "Trần Thị B", "0912345679"]
Change = Callable[[Any], object]


def workbook(*rows: list[Any], change: Change | None = None, heads: list[str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in (heads or HEADS, *rows):
        book.active.append(row)
    if change:
        change(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def take(data: bytes, name: str = "list.xlsx") -> ImportResult:
    read = readsheet.parse(Path(name), data)
    taken = sheet.take(read.rows, read.heading, MEETING, None)
    return taken._replace(remarks=(*read.notes, *taken.remarks))


def listed(*rows: list[Any], change: Change | None = None) -> ImportResult:
    return take(workbook(*rows, change=change))


def csv(*rows: list[Any], separator: str = ";") -> ImportResult:
    lines = [separator.join(map(str, row)) for row in (HEADS, *rows)]
    return take("\n".join(lines).encode(), "list.csv")


def left_out(taken: ImportResult) -> list[tuple[int, str, str]]:
    return [(told.row, told.column, told.code) for told in taken.remarks if told.left_out]


def remarks(taken: ImportResult) -> list[tuple[int, str, str]]:
    return [(told.row, told.column, told.code) for told in taken.remarks if not told.left_out]


def with_(row: list[Any], column: str, value: Any) -> list[Any]:
    return [value if title == column else cell for title, cell in zip(HEADS, row, strict=True)]


# --- rows ---


def test_a_hidden_row_is_left_out_and_told_in_both_languages() -> None:
    def hide(page: Any) -> None:
        page.auto_filter.ref = "A1:H3"
        page.row_dimensions[3].hidden = True

    taken = listed(ROOM, OTHER, change=hide)
    assert left_out(taken) == [(3, "", "hidden")] and [room.name for room in taken.rooms] == ["Hội trường A"]
    assert "hidden" in taken.remarks[-1].line("en") and "bị ẩn" in taken.remarks[-1].line("vi")


def rewritten(data: bytes, *changes: tuple[str, str], parts: str = "sheet1.xml") -> bytes:
    """A workbook with other words in those of its parts whose names end so."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            for before, after in changes if name.endswith(parts) else ():
                part = part.replace(before.encode(), after.encode())
            new.writestr(name, part)
    return made.getvalue()


def test_a_row_of_no_height_is_hidden_and_a_hidden_blank_one_is_nothing() -> None:
    data = workbook(ROOM, OTHER, change=lambda page: setattr(page.row_dimensions[4], "hidden", True))
    flat = rewritten(data, ('<row r="2"', '<row r="2" ht="0" customHeight="1"'))
    assert left_out(take(data)) == [] and left_out(take(flat)) == [(2, "", "hidden")]


def test_a_hidden_column_counts_and_is_told() -> None:
    taken = listed(ROOM, change=lambda page: setattr(page.column_dimensions["B"], "hidden", True))
    assert len(taken.rooms) == 1 and (0, "Mã xã", "hidden_column") in remarks(taken)


def test_a_list_on_a_hidden_sheet_is_read_only_when_it_is_named() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(ROOM)))
    old = book.create_sheet("Cũ")
    for row in (HEADS, OTHER):
        old.append(row)
    old.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    taken = take(out.getvalue())
    assert [room.name for room in taken.rooms] == ["Hội trường A"] and (0, "", "hidden_sheet") in remarks(taken)
    named = readsheet.parse(Path("list.xlsx"), out.getvalue(), "Cũ")
    assert named.rows[-1].cells[2] == "Hội trường B"
    book.create_sheet("Bìa")
    del book["Sheet"]
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(UsageError, match="hidden sheet only: Cũ"):
        take(out.getvalue())


def test_a_value_merged_over_rows_holds_for_each_of_them() -> None:
    blank = [None] * 8
    second = [7, None, "Hội trường C", "10.1.1.3", "SIP", "2003", None, "0912345670"]
    taken = listed(ROOM, second, blank, OTHER, change=lambda page: [page.merge_cells(at) for at in ("B2:B4", "G2:G3")])
    assert left_out(taken) == [] and [room.site for room in taken.rooms] == ["c00083", "c00083", "c00086"]
    assert [room.contact for room in taken.rooms] == ["nguyen-van-a", "nguyen-van-a-2", "tran-thi-b"]


def test_a_row_that_has_only_its_number_beside_merged_cells_is_no_room() -> None:
    taken = listed(ROOM, [2, None, None, None, None, None, None, None],
                   change=lambda page: page.merge_cells("B2:B3"))  # fmt: skip
    assert len(taken.rooms) == 1 and (3, "STT", "empty_number") in remarks(taken)


def test_rows_that_are_only_coloured_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readsheet, "MAX_ROWS", 50)

    def colour(page: Any) -> None:
        for row in range(3, 400):
            page.cell(row, 1).fill = PatternFill("solid", fgColor="FFFFEE")
        page.cell(400, 2, "00086")

    assert [room.site for room in listed(ROOM, change=colour).rooms] == ["c00083", "c00086"]
    blank = [""] * 8
    assert len(csv(ROOM, *[blank] * 300, OTHER, *[blank] * 300).rooms) == 2
    with pytest.raises(ConfigError, match="more than 50 rows"):
        csv(*[ROOM] * 60)


# --- cells ---


def failed(page: Any) -> None:
    """As a spreadsheet saves formulas that failed."""
    for row in page:
        for cell in row:
            if str(cell.value).startswith("#"):
                cell.data_type = "e"


@pytest.mark.parametrize("text", ["#N/A", "#REF!", "#NAME?", "#DIV/0!", "########", "Err:502"])
def test_the_error_of_a_formula_is_no_value(text: str) -> None:
    for taken in (listed(with_(ROOM, "Số máy", text), OTHER, change=failed), csv(with_(ROOM, "Số máy", text), OTHER)):
        assert left_out(taken) == [(2, "Số máy", "error")] and len(taken.rooms) == 1
        named = next(told for told in taken.remarks if told.left_out)
        assert text in named.line("vi") and text in named.line("en")


def test_all_that_is_odd_about_a_row_is_told_in_one_go() -> None:
    taken = csv(with_(with_(ROOM, "Số máy", "#N/A"), "Tên điểm cầu", "#REF!"))
    assert left_out(taken) == [(2, "Số máy", "error")] and remarks(taken) == [(2, "Tên điểm cầu", "error")]


@pytest.mark.parametrize("column", ["Mã xã", "Địa chỉ IP", "Giao thức", "Số máy"])
def test_a_formula_that_was_never_worked_out_is_told_where_it_stands(column: str) -> None:
    taken = listed(with_(ROOM, column, "=1+1"), OTHER)
    assert left_out(taken) == [(2, column, "formula")]


def test_a_csv_may_hold_formulas_and_texts_kept_as_such() -> None:
    taken = csv(with_(ROOM, "Mã xã", '="00083"'), with_(OTHER, "Số máy", "=8000+1"))
    assert taken.rooms[0].site == "c00083" and left_out(taken) == [(3, "Số máy", "formula")]


def test_a_name_nobody_worked_out_costs_the_name_alone() -> None:
    taken = listed(with_(with_(ROOM, "STT", "=ROW()-1"), "Tên điểm cầu", "=A1"))
    assert left_out(taken) == [] and remarks(taken) == [(2, "Tên điểm cầu", "formula")]
    assert taken.rooms[0].name == "00083"


def test_a_formula_whose_value_is_the_empty_text_is_an_empty_cell() -> None:
    data = workbook(with_(ROOM, "Số máy", '=IF(1,"",2)'))
    taken = take(rewritten(data, ('<c r="F2"', '<c r="F2" t="str"')))
    assert left_out(taken) == [] and taken.rooms[0].alias == ""


def test_a_list_made_of_formulas_alone_says_so() -> None:
    with pytest.raises(ConfigError, match="2 of its cells are formulas"):
        take(workbook(heads=["=A1", "=B1"]))


@pytest.mark.parametrize("text", ["8,49123E+11", "8.49E+11", "8E+11", "1,2e12"])
def test_a_number_that_lost_its_digits_is_no_alias(text: str) -> None:
    taken = csv(with_(ROOM, "Số máy", text), OTHER)
    assert left_out(taken) == [(2, "Số máy", "digits")]
    contact = csv(with_(ROOM, "Điện thoại", text))
    assert remarks(contact) == [(2, "Điện thoại", "digits")] and contact.contacts[0].phone == ""


def test_a_number_of_a_workbook_keeps_fifteen_digits_and_no_more() -> None:
    assert listed(with_(ROOM, "Số máy", 849123456789012)).rooms[0].alias == "849123456789012"
    assert left_out(listed(with_(ROOM, "Số máy", 8491234567890123))) == [(2, "Số máy", "digits")]


@pytest.mark.parametrize("value", [datetime.datetime(2026, 1, 8), datetime.time(8, 30), True])
def test_what_a_workbook_made_of_an_alias_is_none(value: object) -> None:
    code = "truth" if value is True else "date"
    assert left_out(listed(with_(ROOM, "Số máy", value))) == [(2, "Số máy", code)]


@pytest.mark.parametrize("text", ["08-Jan", "8-Thg1", "Jan-08", "08/01/2026", "2026-01-08", "8/1/26"])
def test_a_date_in_a_csv_is_no_alias(text: str) -> None:
    assert left_out(csv(with_(ROOM, "Số máy", text), OTHER)) == [(2, "Số máy", "date")]


@pytest.mark.parametrize("text", ["8-1", "2001", "8/1", "a-jan", "p1.001", "84-912-3456", "1E", "#2001"])
def test_what_is_no_date_and_no_error_stays_an_alias(text: str) -> None:
    assert csv(with_(ROOM, "Số máy", text)).rooms[0].alias == text


def test_separators_of_thousands_are_kept_and_told() -> None:
    taken = csv(with_(ROOM, "Số máy", "8.001"))
    assert taken.rooms[0].alias == "8.001" and remarks(taken) == [(2, "Số máy", "separators")]


# --- bytes ---


def test_one_bad_byte_costs_its_cell_and_is_named() -> None:
    lines = [";".join(map(str, row)) for row in (HEADS, ROOM, OTHER)]
    data = "\n".join(lines).encode().replace("Trần Thị B".encode(), b"Tr\xf2n B").replace(b"2001", b"20\x8101")
    taken = take(data, "list.csv")
    assert left_out(taken) == [(2, "Số máy", "byte")] and remarks(taken) == [(3, "Đầu mối", "byte")]
    said = [told.line("en") for told in taken.remarks]
    assert f"byte {data.index(0x81) + 1} (0x81)" in said[0] and f"byte {data.index(0xF2) + 1} (0xF2)" in said[1]


def test_a_bad_byte_in_the_heading_is_named_whether_or_not_the_rest_is_known() -> None:
    lines = [";".join(map(str, row)) for row in (HEADS, ROOM)]
    damaged = "\n".join(lines).encode().replace("Số máy".encode(), b"S\xf2 m\xc3\xa1y")
    taken = take(damaged, "list.csv")
    assert (1, "", "byte") in remarks(taken) and taken.rooms[0].alias == ""
    lost = "Ảnh chụp\n".encode() + b"M\xe3 x\xc3\xa3\n"
    with pytest.raises(ConfigError, match=f"no heading netmon knows; line 2, byte {lost.index(0xE3) + 1} is no UTF-8"):
        readsheet.parse(Path("list.csv"), lost)


def test_the_place_of_a_byte_that_is_no_text_at_all_is_named() -> None:
    with pytest.raises(ConfigError, match="line 2, byte 5 "):
        readsheet.parse(Path("list.csv"), b"a;b\n\x81;\xff\xff\xff")


STRICT = {
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main": "http://purl.oclc.org/ooxml/spreadsheetml/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": (
        "http://purl.oclc.org/ooxml/officeDocument/relationships"
    ),
}


@pytest.mark.filterwarnings("error")
def test_a_strict_workbook_reads_like_any_other() -> None:
    strict = rewritten(workbook(ROOM, OTHER), *STRICT.items(), parts="")
    strict = rewritten(strict, ("<workbook ", '<workbook conformance="strict" '), parts="xl/workbook.xml")
    assert take(strict) == listed(ROOM, OTHER)


def test_a_workbook_whose_parts_have_other_names_is_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(ROOM))) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            part = old.read(name).replace(b"xl/workbook.xml", b"xl/book.xml")
            new.writestr(name.replace("workbook.xml", "book.xml"), part)
    assert len(take(made.getvalue()).rooms) == 1


def test_what_the_caps_are_is_one_place() -> None:
    assert (readsheet.MAX_ROWS, readsheet.MAX_CELL) == (sheetcells.MAX_ROWS, sheetcells.MAX_CELL)
