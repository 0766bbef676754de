"""Files of rows: every encoding and separator offices send, workbooks, and bytes nobody should send."""

from __future__ import annotations

import contextlib
import io
import subprocess
import unicodedata
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netmon.conference.sheet import file as readsheet
from netmon.conference.sheet.file import Sheet, parse
from netmon.conference.sheet.fonts import from_tcvn3
from netmon.errors import ConfigError, UsageError

FILE = Path("list.csv")
TEXT = "DANH SÁCH ĐIỂM CẦU,,\r\n,,\r\nMã xã,Tên điểm cầu,Địa chỉ IP\r\n00083,Hội trường xã Phó Bảng,10.1.4.10\r\n"


def names(sheet: Sheet) -> list[str]:
    return [row.cells[sheet.heading.columns["room"]] for row in sheet.rows[sheet.heading.body :]]


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        page = book.create_sheet(title)
        for line in lines:
            page.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ROWS: list[list[object]] = [
    ["DANH SÁCH"],
    [],
    ["Mã xã", "Tên điểm cầu", "Địa chỉ IP"],
    [83, "Hội trường xã Phó Bảng", "10.1.4.10"],
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_unicode_and_any_separator_reads_the_same(encoding: str, separator: str) -> None:
    sheet = parse(FILE, TEXT.replace(",", separator).encode(encoding))
    assert names(sheet) == ["Hội trường xã Phó Bảng"] and sheet.notes == () and sheet.rows[3].number == 4


def test_windows_1258_is_read_in_normal_form_and_told() -> None:
    text = "Ma\u0303 xa\u0303;Tên diê\u0309m câ\u0300u\n83;Xã Phó Ba\u0309ng\n".replace("ã", "a\u0303").replace(
        "ó", "o\u0301"
    )
    sheet = parse(FILE, text.encode("cp1258"))
    assert names(sheet) == ["Xã Phó Bảng"] and [one.code for one in sheet.notes] == ["windows"]


TCVN3 = b"M\xb7 x\xb7;T\xaan \xae i\xd3m c\xc7u\n83;X\xb7 Ph\xe3 B\xb6ng\n".replace(b"\xae i", b"\xaei")


def test_a_list_typed_for_old_fonts_is_turned_into_unicode_and_told() -> None:
    whole = parse(FILE, TCVN3)
    assert names(whole) == ["Xã Phó Bảng"] and [one.code for one in whole.notes] == ["old_font"]
    cells: list[list[object]] = [list(line.split(";")) for line in TCVN3.decode("latin-1").splitlines()]
    book = parse(Path("a.xlsx"), workbook(A=cells))
    assert names(book) == ["Xã Phó Bảng"] and [one.code for one in book.notes] == ["old_font"]


@pytest.mark.needs("iconv")
def test_old_letters_are_those_another_program_knows() -> None:
    lines = b"\n".join(bytes([byte]) for byte in range(0xA1, 0xFF))
    command = ["iconv", "-f", "TCVN5712-1", "-t", "UTF-8"]
    told = subprocess.run(command, input=lines, capture_output=True, check=True).stdout.decode()
    theirs = unicodedata.normalize("NFC", told).split("\n")
    ours = from_tcvn3(lines.decode("latin-1")).split("\n")
    changed = [
        (our, their)
        for byte, our, their in zip(lines.split(b"\n"), ours, theirs, strict=True)
        if our != byte.decode("latin-1") or our == their
    ]
    assert len(changed) == 74 and all(our == their for our, their in changed)


def test_quoted_cells_keep_separators_and_line_breaks_become_spaces() -> None:
    data = 'Mã xã,Tên điểm cầu\n00083,"Phòng ""A"",\ntầng 2"\n00086,B\n'.encode()
    sheet = parse(FILE, data)
    assert names(sheet) == ['Phòng "A", tầng 2', "B"] and sheet.rows[-1].number == 3


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no heading"),
        (b"a,b\n1,2\n", "no heading"),
        ('Mã xã,Tên điểm cầu\n83,"mở\n84,b\n'.encode(), "is no CSV"),
        (b"\x81\xff\x00\x8d,\xd2", "is no text"),
        (b"\xd0\xcf\x11\xe0rest", "XLS file"),
        (b"PK\x03\x04rest", "no XLSX"),
        ("Mã xã,Tên điểm cầu\n83," .encode() + b"x" * 3000, "more than 2000 letters"),
        (("Mã xã,Tên điểm cầu\n" + "83,a\n" * 20_001).encode(), "more than 20000 rows"),
        (("Mã xã,Tên điểm cầu\n" + "," * 300 + "x").encode(), "more than 200 columns"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_told_with_a_way_out(data: bytes, what: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse(FILE, data)
    assert what in str(told.value) and str(told.value).startswith("list.csv: ") and "(" in str(told.value)


def test_a_file_that_is_not_there_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        readsheet.read(tmp_path / "none.csv")
    monkeypatch.setattr(readsheet, "MAX_BYTES", 10)
    (tmp_path / "big.csv").write_text(TEXT)
    with pytest.raises(ConfigError, match="is larger than"):
        readsheet.read(tmp_path / "big.csv")


def test_a_workbook_reads_like_a_csv_and_numbers_lose_no_meaning() -> None:
    sheet = parse(Path("a.xlsx"), workbook(Danh_sach=[*ROWS, [86.0, "B", None]]))
    assert [row.cells for row in sheet.rows[3:]] == [("83", "Hội trường xã Phó Bảng", "10.1.4.10"), ("86", "B")]
    assert sheet.rows[3].number == 4


def test_merged_cells_and_covers_do_no_harm() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Bìa"])
    page = book.create_sheet("Danh sách")
    for line in ROWS:
        page.append(line)
    page.merge_cells("A1:C1")
    out = io.BytesIO()
    book.save(out)
    assert names(parse(Path("a.xlsx"), out.getvalue())) == ["Hội trường xã Phó Bảng"]


def test_of_several_lists_one_must_be_named() -> None:
    data = workbook(A=ROWS, B=[*ROWS[:3], [86, "Khác", ""]])
    with pytest.raises(UsageError, match="A, B"):
        parse(Path("a.xlsx"), data)
    assert names(parse(Path("a.xlsx"), data, "B")) == ["Khác"]
    with pytest.raises(UsageError, match="no sheet 'C'"):
        parse(Path("a.xlsx"), data, "C")
    with pytest.raises(UsageError, match="one sheet"):
        parse(FILE, TEXT.encode(), "A")


def test_no_formula_is_worked_out() -> None:
    with pytest.raises(ConfigError):
        parse(Path("a.xlsx"), workbook(A=[["=1+1", "=A1"]]))
    sheet = parse(Path("a.xlsx"), workbook(A=[*ROWS, [86, '=HYPERLINK("http://x.example")', "=1+1"]]))
    assert sheet.rows[-1].cells == ("86", "", "")
    assert {at: odd.code for at, odd in sheet.rows[-1].odd.items()} == {1: "formula", 2: "formula"}


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readsheet, "MAX_UNPACKED", 1_000_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 2_000_000)
    with pytest.raises(ConfigError, match="too large unpacked"):
        parse(Path("a.xlsx"), out.getvalue())


def test_entities_are_not_expanded() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(A=ROWS))) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, bomb + data.split(b"?>", 1)[-1] if name.endswith("sheet1.xml") else data)
    with pytest.raises(ConfigError, match="no XLSX"):
        parse(Path("a.xlsx"), made.getvalue())


def only_our_errors(data: bytes) -> None:
    """Whatever else is raised fails the test."""
    with contextlib.suppress(ConfigError, UsageError):
        assert parse(Path("a"), data).heading.columns


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_rows_or_a_clear_error(data: bytes) -> None:
    only_our_errors(data)
    only_our_errors("Mã xã,Tên điểm cầu,Địa chỉ IP\n".encode() + data)


WHOLE = workbook(A=ROWS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_to_a_workbook_is_rows_or_a_clear_error(data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    at = data.draw(st.integers(0, len(parts[name])))
    parts[name] = (
        parts[name][:at] + data.draw(st.binary(max_size=20)) + parts[name][at + data.draw(st.integers(0, 20)) :]
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    only_our_errors(made.getvalue())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(min_size=1, max_size=8))
def test_any_damage_to_an_archive_is_rows_or_a_clear_error(at: int, junk: bytes) -> None:
    only_our_errors(WHOLE[:at] + junk + WHOLE[at + len(junk) :])
    only_our_errors(WHOLE[:at])
