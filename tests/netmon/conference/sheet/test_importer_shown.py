"""What a person sees in a list is what is taken: number formats, second headings, lists side by side, letters lost before."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from inventory.timestamp import Timestamp
from netmon.conference.sheet import file as readsheet
from netmon.conference.sheet import importer as sheet
from netmon.conference.sheet.cells import PERCENT, Odd, SheetCell, of_value
from netmon.conference.sheet.importer import ConferenceHead, ImportResult
from netmon.errors import ConfigError

MEETING = ConferenceHead(
    "hn", "", Timestamp("2026-12-01T08:00:00+07:00"), Timestamp("2026-12-01T11:00:00+07:00"), ("m1",), "conf-720p"
)
HEADS = ["Mã xã", "Tên điểm cầu", "Địa chỉ IP", "Số máy", "Đầu mối", "Điện thoại"]
ROOM = ["00083", "Hội trường A", "10.1.1.1", "2001", "Nguyễn Văn A", "0912345678"]
OTHER = ["00086", "Hội trường B", "10.1.1.2", "2002", "Trần Thị B", "0912345679"]


def take(data: bytes, name: str = "list.xlsx") -> ImportResult:
    read = readsheet.parse(Path(name), data)
    taken = sheet.take(read.rows, read.heading, MEETING, None)
    return taken._replace(remarks=(*read.notes, *taken.remarks))


def workbook(*rows: list[Any], forms: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for where, form in (forms or {}).items():
        book.active[where].number_format = form
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rewritten(data: bytes, before: str, after: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(before.encode(), after.encode()))
    return made.getvalue()


def csv(*rows: list[str]) -> bytes:
    return "\n".join(";".join(row) for row in rows).encode()


def with_(row: list[Any], column: str, value: Any) -> list[Any]:
    return [value if title == column else cell for title, cell in zip(HEADS, row, strict=True)]


def told(taken: ImportResult, code: str) -> list[tuple[int, str, bool]]:
    return [(one.row, one.column, one.left_out) for one in taken.remarks if one.code == code]


# --- number formats ---


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (42, "0000", "0042"),
        (912345678, "0000 000 000", "0912345678"),
        (912345678, '"0"#########', "0912345678"),
        (912345678, "\\0########", "0912345678"),
        (912345678, '"+84 "0', "+84 912345678"),
        (12345, "00-000", "12345"),
        (2002, "#,##0", "2002"),
        (2002, "0.00", "2002"),
        (7, "[Red]000;[Blue]-000", "007"),
        (7, '000" A"', "007 A"),
        (7, "@", "7"),
        (7.5, "0000", "7.5"),
    ],
)
def test_a_number_is_taken_as_its_form_shows_it(value: float, form: str, shown: str) -> None:
    assert of_value(value, False, form) == SheetCell(shown)


def test_a_percentage_is_no_alias_in_either_kind_of_file() -> None:
    assert of_value(0.5, False, "0%") == SheetCell("50%", Odd(PERCENT))
    taken = take(csv(HEADS, with_(ROOM, "Số máy", "50%"), OTHER), "list.csv")
    assert told(taken, "percent") == [(2, "Số máy", True)] and len(taken.rooms) == 1


def test_an_alias_and_a_telephone_keep_the_zeros_a_workbook_shows() -> None:
    row = with_(with_(ROOM, "Số máy", 42), "Điện thoại", 24382345)
    taken = take(workbook(HEADS, row, forms={"D2": "0000", "F2": "0000000000"}))
    assert taken.rooms[0].alias == "0042" and taken.contacts[0].phone == "0024382345"


@pytest.mark.parametrize(
    ("text", "code"), [("TRUE", "truth"), ("8,49 E+11", "digits"), ("#WERT!", "error"), ("#GIÁTRỊ!", "error")]
)
def test_what_a_spreadsheet_wrote_into_a_csv_is_no_alias(text: str, code: str) -> None:
    assert told(take(csv(HEADS, with_(ROOM, "Số máy", text)), "list.csv"), code) == [(2, "Số máy", True)]


# --- headings ---


def test_a_heading_again_in_other_words_is_no_room() -> None:
    again = ["Mã đơn vị", "Phòng họp", "IP", "Alias", "Người phụ trách", "SĐT"]
    taken = take(csv(HEADS, ["(5 số)", "", "(IPv4)"], ROOM, again, OTHER), "list.csv")
    assert told(taken, "again") == [(2, "", False), (4, "", False)] and len(taken.rooms) == 2


def test_a_second_list_below_is_read_by_its_own_heading() -> None:
    heading = ["Số máy", "Điện thoại", "Mã xã", "Tên điểm cầu"]
    taken = take(csv(HEADS, ROOM, [], heading, ["2002", "0912345679", "00086", "B"]), "list.csv")
    assert [(room.name, room.alias) for room in taken.rooms] == [("Hội trường A", "2001"), ("B", "2002")]
    assert told(taken, "another") == [(4, "", False)] and taken.left_out == 0


def test_rows_of_a_second_list_at_the_right_are_told_as_left_out() -> None:
    taken = take(csv(HEADS + [""] + HEADS, ROOM + [""] + OTHER, ROOM[:2] + ["10.1.1.9"]), "list.csv")
    assert told(taken, "beside") == [(2, "", True)] and len(taken.rooms) == 2


def test_a_title_that_is_there_twice_makes_no_second_list() -> None:
    taken = take(csv([*HEADS, "Số điện thoại", "Tên xã", "Đơn vị"], [*ROOM, "0243", "Xã A", "A"]), "list.csv")
    assert told(taken, "beside") == [] and len(taken.rooms) == 1


def test_a_list_without_rows_says_so() -> None:
    assert told(take(csv(HEADS), "list.csv"), "no_rows") == [(0, "", False)]


# --- letters and files ---


@pytest.mark.parametrize("lost", ["\ufffd", "\0", "\x1b"])
def test_a_letter_that_was_lost_before_is_told_and_never_part_of_an_alias(lost: str) -> None:
    taken = take(csv(HEADS, with_(ROOM, "Số máy", f"20{lost}1"), with_(OTHER, "Đầu mối", f"Tr{lost}n B")), "list.csv")
    assert told(taken, "lost") == [(2, "Số máy", True), (3, "Đầu mối", False)]


def test_escapes_of_a_workbook_are_the_letters_they_stand_for() -> None:
    data = rewritten(workbook(HEADS, ROOM), "Hội trường A", "Hội trường_x000D_\nT_x1EA7_ng 2")
    assert take(data).rooms[0].name == "Hội trường Tầng 2"


def test_a_column_of_no_width_is_hidden() -> None:
    data = rewritten(workbook(HEADS, ROOM), "<sheetData>", '<cols><col min="4" max="4" width="0"/></cols><sheetData>')
    assert told(take(data), "hidden_column") == [(0, "Số máy", False)]


@pytest.mark.parametrize("rest", [b"\0" * 600, b"\x1a"])
def test_what_fills_the_last_block_of_a_file_is_nothing(rest: bytes) -> None:
    assert take(csv(HEADS, ROOM) + b"\n" + rest, "list.csv") == take(csv(HEADS, ROOM), "list.csv")


def test_quotes_never_closed_are_named_where_they_begin() -> None:
    data = csv(HEADS, ROOM, with_(ROOM, "Đầu mối", '"A'), OTHER, OTHER)
    with pytest.raises(ConfigError, match="what begins in line 3 is no CSV: quotes are never closed"):
        take(data, "list.csv")


def zipped(**parts: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), part)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\n<html><table></table></html>", "a web page or XML"),
        (b"%PDF-1.7", "a PDF"),
        (zipped(content_xml=b"<x/>"), "an OpenDocument file"),
        (zipped(xl__workbook_bin=b""), "an XLSB file"),
        (zipped(word__document_xml=b""), "a text document"),
        (zipped(list_xlsx=b""), "an archive with list.xlsx in it"),
    ],
)
def test_a_file_of_another_kind_is_told_what_it_is(data: bytes, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"is {kind}"):
        readsheet.parse(Path("list.xls"), data)
