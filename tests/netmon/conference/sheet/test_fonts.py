"""Old fonts beside Unicode: whole files, single columns, single cells; sound names are never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.conference.sheet import fonts as sheetfonts
from netmon.conference.sheet.file import Sheet, parse
from netmon.conference.sheet.fonts import FONTS, Font, font_of, from_vni, read_as
from netmon.conference.sheet.syllables import is_syllable

TCVN3, VNI, UTF8 = FONTS
NAMES = (
    "Hội trường UBND phường Ba Đình", "Phường Ngọc Hà", "Xã Phó Bảng", "Xã Lũng Cú", "Phường Hoàn Kiếm", "Xã Quỳnh Lưu",
    "Thị trấn Yên Sơn", "Đặc khu Phú Quốc", "Xã Giồng Riềng", "Xã Thuận Nghĩa", "Xã Ea Kar", "Phường Long Biên",
    "Phường Sóc Sơn", "Xã Mường Ảng", "Nguyễn Thị Khuyên", "Trương Huỳnh Đức", "Vũ Uyên Vy", "Tỉnh Điện Biên",
    "Xã Xuân Trường", "Phòng họp trực tuyến số 2", "Xã Kỳ Sơn", "Bùi Ỷ Lan", "Xã Đắk Wil", "Xã Krông Búk", "Thủ Đức",
)  # fmt: skip
# VNI as its users type it, and what they mean.
TYPED = {
    "Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam": "Cộng hòa xã hội chủ nghĩa Việt Nam",
    "Ñoäc laäp - Töï do - Haïnh phuùc": "Độc lập - Tự do - Hạnh phúc",
    "UBND huyeän Thuû Thöøa, tænh Long An": "UBND huyện Thủ Thừa, tỉnh Long An",
    "Ñieän thoaïi lieân heä": "Điện thoại liên hệ",
    "NGUYEÃN VAÊN BÌNH": "NGUYỄN VĂN BÌNH",
}


def typed_in(font: Font, text: str) -> str:
    """The letters an old keyboard, or a program that takes UTF-8 for Windows-1252, makes of a text."""
    if font is UTF8:
        return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())
    if font is TCVN3:
        made = {letter: chr(byte) for byte, letter in sheetfonts._TABLE.items()}
        return "".join(made.get(char, made.get(char.lower(), char)) for char in text)
    old = {}
    for letters, letter in sheetfonts._VNI.items():
        old.setdefault(letter, letters)
    return "".join(old.get(char, char) for char in text)


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_name_is_left_alone(name: str) -> None:
    assert font_of(name) is None


@pytest.mark.parametrize("font", [TCVN3, VNI], ids=["tcvn3", "vni"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_typed_for_an_old_font_comes_back_whole(font: Font, name: str) -> None:
    typed = typed_in(font, name)
    if typed != name:
        assert font_of(typed) is font
        assert read_as(typed, font).casefold() == name.casefold()


@pytest.mark.parametrize("name", NAMES)
def test_utf8_that_was_taken_for_windows_letters_comes_back(name: str) -> None:
    typed = typed_in(UTF8, name)
    if typed != name:
        assert font_of(typed) is UTF8 and read_as(typed, UTF8) == name


@pytest.mark.parametrize("typed", TYPED)
def test_vni_is_what_its_users_mean(typed: str) -> None:
    assert from_vni(typed) == TYPED[typed] and font_of(typed) is VNI


def test_capitals_of_tcvn3_come_out_as_capitals() -> None:
    assert read_as("HéI TR\xadêNG", TCVN3) == "HỘI TRƯỜNG"
    assert read_as("Bé", TCVN3) == "Bộ"


@given(st.text(max_size=40))
def test_any_text_has_a_font_or_none_and_turns(text: str) -> None:
    font_of(text)
    for font in FONTS:
        read_as(text, font)


@pytest.mark.parametrize("word", ["Quỳnh", "giếng", "gì", "Hoà", "Hòa", "Khuỷu", "ưu", "Yến", "nghiêng", "Đắk"])
def test_what_vietnamese_write_is_a_syllable(word: str) -> None:
    assert is_syllable(word)


@pytest.mark.parametrize("word", ["Héi", "xaõ", "tröôøng", "ñieåm", "Þ", "ạạ"])
def test_what_nobody_writes_is_none(word: str) -> None:
    assert not is_syllable(word)


def listed(*rooms: str, heading: str = "Mã xã;Tên điểm cầu", encoding: str = "utf-8") -> Sheet:
    lines = [heading, *(f"{80 + at};{room}" for at, room in enumerate(rooms))]
    return parse(Path("list.csv"), "\n".join(lines).encode(encoding))


def rooms(sheet: Sheet) -> list[str]:
    return [row.cells[sheet.heading.columns["room"]] for row in sheet.rows[sheet.heading.body :]]


@pytest.mark.parametrize("font", FONTS, ids=["tcvn3", "vni", "utf-8"])
def test_a_column_below_a_sound_heading_is_turned_as_a_whole_and_told_once(font: Font) -> None:
    """`Sóc` could be sound: its neighbours say that it is not."""
    meant = ["Hội trường Ngọc Hà", "Sóc", "Phường Giảng Võ"]
    sheet = listed(*(typed_in(font, name) for name in meant))
    assert rooms(sheet) == meant
    assert [(note.row, note.column, note.code) for note in sheet.notes] == [(0, "Tên điểm cầu", "old_column")]
    assert font.name in sheet.notes[0].line("en")


def test_single_cells_among_sound_ones_are_turned_and_each_is_told() -> None:
    sheet = listed("Hội trường Ngọc Hà", typed_in(TCVN3, "Hội trường Phó Bảng"), "Phòng số 1")
    assert rooms(sheet) == ["Hội trường Ngọc Hà", "Hội trường Phó Bảng", "Phòng số 1"]
    assert [(note.row, note.code) for note in sheet.notes] == [(3, "old_cell")]


@pytest.mark.parametrize("font", [TCVN3, VNI], ids=["tcvn3", "vni"])
def test_a_plain_heading_over_bytes_of_an_old_font_is_read_by_what_makes_sense(font: Font) -> None:
    sheet = listed(typed_in(font, "Hội trường Bảo Lộc"), heading="Ma xa;Ten diem cau", encoding="latin-1")
    assert rooms(sheet) == ["Hội trường Bảo Lộc"] and [note.code for note in sheet.notes] == ["old_column"]


def test_a_whole_list_in_vni_is_read_and_told() -> None:
    heading = ";".join(typed_in(VNI, title) for title in ("Mã xã", "Tên điểm cầu"))
    sheet = listed(typed_in(VNI, "Hội trường"), heading=heading, encoding="latin-1")
    assert rooms(sheet) == ["Hội trường"] and [note.code for note in sheet.notes] == ["old_font"]
    assert "VNI" in sheet.notes[0].line("vi")
