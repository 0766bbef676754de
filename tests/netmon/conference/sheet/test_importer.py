"""Lists of rooms as offices send them: headings, codes, names, addresses, doubles; nothing is lost in silence."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory import check
from inventory.model import Contact, Inventory, Link, Mcu, Room, Site
from inventory.timestamp import Timestamp
from netmon.conference.sheet import header as sheetheads
from netmon.conference.sheet import importer as sheet
from netmon.conference.sheet.header import Row
from netmon.conference.sheet.importer import ConferenceHead, ImportResult
from netmon.conference.sheet.text import accented, bare, commune_code, fold, tidy
from netmon.config import write
from netmon.config.walker import yaml_text

MEETING = ConferenceHead(
    "hn", "", Timestamp("2026-12-01T08:00:00+07:00"), Timestamp("2026-12-01T11:00:00+07:00"), ("m1",), "conf-720p"
)
HEADS = "STT|Tỉnh/Thành phố|Mã xã|Xã/Phường/Đặc khu|Tên điểm cầu|Địa chỉ IP|Giao thức|Số máy|Đầu mối|Điện thoại|Ghi chú"
PLACES = [
    ("00083", "02", "Xã Phó Bảng"), ("00086", "02", "Xã Lũng Cú"), ("02734", "10", "Phường Tân Lập"),
    ("02737", "10", "Xã Tân Lạp"), ("09934", "01", "Xã Hòa Bình"), ("09935", "02", "Xã Hòa Bình"),
    ("09936", "01", "Phường Hoàn Kiếm"), ("09937", "02", "Phường Yên Sơn"), ("09938", "02", "Xã Yên Sơn"),
]  # fmt: skip
PROVINCES = {"01": "Thành phố Hà Nội", "02": "Tỉnh Tuyên Quang", "10": "Tỉnh Lào Cai"}


def inventory(**more: object) -> Inventory:
    sites = [Site(id="core", kind="core")]
    sites += [Site(id=f"p{code}", kind="province", code=code, name=name) for code, name in PROVINCES.items()]
    sites += [Site(id=f"x{c}", kind="commune", code=c, province=p, name=name) for c, p, name in PLACES]
    links = [Link(id=f"l{one.id}", from_site="core", to_site=one.id) for one in sites[1:]]
    made = {"sites": tuple(sites), "links": tuple(links), "mcus": (Mcu(id="m1", site="core"),), **more}
    return Inventory(hub_site="core", **made)  # type: ignore[arg-type]


def rows(*lines: str) -> list[Row]:
    return [Row(at, tuple(map(tidy, line.split("|")))) for at, line in enumerate(lines, 1)]


def take(*lines: str, heads: str = HEADS, known: Inventory | None = None) -> ImportResult:
    told = rows(heads, *lines)
    heading = sheetheads.find(told)
    assert heading is not None
    return sheet.take(told, heading, MEETING, known)


def faults(taken: ImportResult) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.code) for one in taken.remarks if one.left_out]


def remarks(taken: ImportResult) -> set[str]:
    return {one.code for one in taken.remarks if not one.left_out} - {"unused"}


def test_a_whole_row_becomes_a_room_a_contact_and_an_invitation() -> None:
    taken = take("1|Tuyên Quang|00083|Xã Phó Bảng|Hội trường xã|10.1.4.10|SIP|2001|Nguyễn Văn A|0912345678|tầng 2")
    assert taken.rooms == (
        Room(
            id="r00083", site="c00083", name="Hội trường xã", contact="nguyen-van-a",
            address="sip:2001@10.1.4.10", alias="2001",
        ),
    )  # fmt: skip
    assert taken.contacts == (Contact(id="nguyen-van-a", name="Nguyễn Văn A", phone="0912345678"),)
    assert taken.conference is not None and taken.conference.rooms == ("r00083",)
    assert [(one.code, one.with_) for one in taken.remarks] == [("unused", {"text": "Ghi chú"})]


@pytest.mark.parametrize(
    ("text", "code"),
    [("83", "00083"), ("83.0", "00083"), ("83,0", "00083"), ("'00083", "00083"), ("00083", "00083"), ("98765", "98765"),
     ("", ""), ("0", ""), ("-83", ""), ("8.3", ""), ("123456", ""), ("1.000", ""), ("8,3E+1", ""), ("x", ""), ("८३", "")],
)  # fmt: skip
def test_a_code_gets_its_zeros_back_and_nothing_else_becomes_one(text: str, code: str) -> None:
    assert commune_code(text) == code


@pytest.mark.parametrize(
    ("one", "other"),
    [("Xã Ba Vì", "BA VI"), ("Đặc khu Phú Quốc", "phú quốc"), ("UBND xã Ba Vì", "ba vi"), ("Tp. Huế", "Thành phố Huế"),
     ("Phường 1", "1"), ("Xã Ea Kar", "ea  kar"), ("Điểm cầu xã Ba Vì", "Ba Vì")],
)  # fmt: skip
def test_one_place_has_one_bare_name_however_it_is_written(one: str, other: str) -> None:
    assert bare(one) == bare(other) != ""


def test_a_tone_may_stand_on_either_vowel_and_a_missing_one_is_another_name() -> None:
    assert accented("Hoà Bình") == accented("Hòa bình") != accented("Hoa Bình")
    assert accented("Hòa") == accented("Ho\u0300a") and fold("Đặc khu") == "dac khu"


@pytest.mark.parametrize(
    ("name", "province", "site"),
    [("Xã Phó Bảng", "", "x00083"), ("pho bang", "", "x00083"), ("PHÓ BẢNG", "Tuyên Quang", "x00083"),
     ("Hoà Bình", "Hà Nội", "x09934"), ("Hòa Bình", "tinh tuyen quang", "x09935"), ("Tân Lập", "", "x02734"),
     ("Tân Lạp", "Lào Cai", "x02737"), ("Xã Yên Sơn", "", "x09938"), ("P. Yên Sơn", "02", "x09937")],
)  # fmt: skip
def test_a_name_without_a_code_finds_its_site(name: str, province: str, site: str) -> None:
    name = name.replace("P. ", "Phường ")
    taken = take(f"1|{province}||{name}||10.1.1.1||||", known=inventory())
    assert faults(taken) == [] and taken.rooms[0].site == site


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ("||Hòa Bình", "Xã/Phường/Đặc khu", "ambiguous"),
        ("Lào Cai||Tan Lap", "Xã/Phường/Đặc khu", "ambiguous"),
        ("Tuyên Quang||Yên Sơn", "Xã/Phường/Đặc khu", "ambiguous"),
        ("||Xã Không Có", "Xã/Phường/Đặc khu", "strange_name"),
        ("Hà Nội||Phó Bảng", "Xã/Phường/Đặc khu", "strange_name"),
        ("Tỉnh Cũ||Phó Bảng", "Tỉnh/Thành phố", "strange_name"),
        ("|99999|", "Mã xã", "strange_code"),
        ("|8x|", "Mã xã", "bad_code"),
        ("|83|Lũng Cú", "Mã xã", "other_name"),
        ("Lào Cai|83|Phó Bảng", "Tỉnh/Thành phố", "other_province"),
    ],
)
def test_what_is_not_one_place_is_told_with_its_column_and_never_guessed(cells: str, column: str, code: str) -> None:
    taken = take(f"1|{cells}||10.1.1.1||||", known=inventory())
    assert faults(taken) == [(2, column, code)] and taken.rooms == () and taken.conference is None


def test_an_ambiguous_name_names_all_it_may_be_with_their_codes() -> None:
    told = take("1|||Hòa Bình||10.1.1.1||||", known=inventory()).remarks[-1]
    for lang in ("vi", "en"):
        assert "09934" in told.line(lang) and "09935" in told.line(lang)
    assert told.line("en").startswith("row 2, column 'Xã/Phường/Đặc khu': ") and "write the code" in told.line("en")


def test_without_an_inventory_a_name_alone_is_no_place() -> None:
    assert faults(take("1|Tuyên Quang||Phó Bảng||10.1.1.1||||")) == [(2, "Xã/Phường/Đặc khu", "needs_code")]


def test_merged_cells_of_a_province_hold_for_the_rows_below() -> None:
    lines = ("1|Hà Nội||Hòa Bình||10.1.1.1||||", "2|||Hoàn Kiếm||10.1.1.2||||", "3|Tuyên Quang||Hòa Bình||10.1.1.3||||")
    taken = take(*lines, "||||||||||", "4|||Lũng Cú||10.1.1.4||||", known=inventory())
    assert faults(taken) == [] and [one.site for one in taken.rooms] == ["x09934", "x09936", "x09935", "x00086"]


def test_a_heading_of_rows_names_their_province() -> None:
    taken = take("I|Tỉnh Tuyên Quang|||||||||", "1|||Hòa Bình||10.1.1.1||||", "II. THÀNH PHỐ HÀ NỘI||||||||||",
                 "1|||Hòa Bình||10.1.1.2||||", known=inventory())  # fmt: skip
    assert faults(taken) == [] and [one.site for one in taken.rooms] == ["x09935", "x09934"]
    assert remarks(taken) == {"section"}


def test_a_row_of_a_province_alone_is_a_room_of_its_centre() -> None:
    taken = take("1|Lào Cai|||Hội trường UBND tỉnh|10.1.1.1||||", known=inventory())
    assert faults(taken) == [] and (taken.rooms[0].site, taken.rooms[0].id) == ("p10", "r10")


@pytest.mark.parametrize(
    ("address", "protocol", "alias", "wanted"),
    [
        ("10.1.4.10", "SIP", "", "sip:10.1.4.10"), ("10.1.4.10", "H.323", "2001", "h323:2001@10.1.4.10"),
        ("10.1.4.10", "h323", "2001.0", "h323:2001@10.1.4.10"), ("10.1.4.10", "SIP/TLS", "a", "sips:a@10.1.4.10"),
        ("10.1.4.10", "", "2001", "10.1.4.10"), ("10.1.4.10:5061", "SIP", "a", "sip:a@10.1.4.10:5061"),
        ("10.1.4.10/24", "SIP", "", "sip:10.1.4.10"), ("2001:DB8::1", "SIP", "a", "sip:a@[2001:db8::1]"),
        ("phong1.tinh.example", "SIP", "", "sip:phong1.tinh.example"), ("sip:x@10.1.1.1", "", "", "sip:x@10.1.1.1"),
        ("", "", "2001@tinh.example", "sip:2001@tinh.example"), ("", "H.323", "2001", ""), ("", "", "", ""),
        ("10.1.4.10", "SIP, H.323", "1", "sip:1@10.1.4.10"), ("10.1.4.10", "SIP", "Phòng họp", "sip:10.1.4.10"),
    ],
)  # fmt: skip
def test_an_address_is_put_together_from_its_columns(address: str, protocol: str, alias: str, wanted: str) -> None:
    taken = take(f"1||83|||{address}|{protocol}|{alias}||")
    assert faults(taken) == [] and taken.rooms[0].address == wanted
    assert ("no_address" in remarks(taken)) == (wanted == "")


@pytest.mark.parametrize(
    ("address", "protocol", "alias", "fault"),
    [
        ("10.1.4", "", "", "bad_address"), ("10,1,4,10", "", "", "bad_address"), ("10.1.4.256", "", "", "bad_address"),
        ("10.1.4.10; 10.1.4.11", "", "", "bad_address"), ("0.0.0.0", "", "", "bad_address"),
        ("10.1.4.10:0", "", "", "bad_address"), ("chưa có", "", "", "bad_address"), ("1014010", "", "", "bad_address"),
        ("10.1.4.10", "Zoom", "", "bad_protocol"), ("10.1.4.10", "", "x" * 257, "bad_alias"),
    ],
)  # fmt: skip
def test_what_cannot_be_called_is_told(address: str, protocol: str, alias: str, fault: str) -> None:
    assert [one[2] for one in faults(take(f"1||83|||{address}|{protocol}|{alias}||"))] == [fault]


def test_doubles_are_told_with_the_first_row_and_left_out() -> None:
    taken = take("1||83|||10.1.1.1|SIP|1||", "2||86|||10.1.1.1|SIP|1||", "3||83||Phòng A|||||", "4||83||phòng a|||||")
    assert faults(taken) == [(3, "", "double"), (5, "", "double")]
    assert [one.with_["first"] for one in taken.remarks if one.left_out] == ["2", "4"]
    assert [one.id for one in taken.rooms] == ["r00083", "r00083-2"] and "second" in remarks(taken)


def test_what_the_inventory_has_is_invited_and_not_made_again() -> None:
    room = Room(id="old", site="x00083", name="Hội trường", address="sip:10.1.1.1")
    other = Room(id="r00086", site="x00083", name="Khác")
    known = inventory(rooms=(room, other), contacts=(Contact(id="a", name="Nguyễn Văn A", phone="0912345678"),))
    taken = take("1||83|||10.1.1.1|SIP||Nguyễn Văn A|912345678", "2||86|||10.1.1.2|SIP||Nguyễn văn A|0912345678",
                 "3||86|||10.1.1.3|SIP||Trần B|", known=known)  # fmt: skip
    assert [one.id for one in taken.rooms] == ["r00086-2", "r00086-3"] and taken.rooms[0].contact == "a"
    assert taken.conference is not None and taken.conference.rooms == ("old", "r00086-2", "r00086-3")
    assert [one.id for one in taken.contacts] == ["tran-b"] and {"known", "phone"} <= remarks(taken)


def test_a_new_address_where_the_inventory_has_a_room_is_told() -> None:
    known = inventory(rooms=(Room(id="old", site="x00083", name="Hội trường", address="sip:10.1.1.1"),))
    taken = take("1||83|||10.1.1.9|SIP||||", known=known)
    told = next(one for one in taken.remarks if one.code == "others")
    assert [one.id for one in taken.rooms] == ["r00083"] and told.with_["known"] == "old" and not told.left_out


def test_sums_repeated_headings_and_empty_numbers_are_told_and_no_fault() -> None:
    taken = take("(1)|(2)|(3)|(4)|(5)", "1||83|||10.1.1.1||||", HEADS, "2||||||||||", "Tổng cộng: 1|||||||||", "|||")
    assert faults(taken) == [] and len(taken.rooms) == 1
    assert [(one.row, one.code) for one in taken.remarks[1:]] == [
        (2, "again"), (3, "zeros"), (4, "again"), (5, "empty_number"), (6, "sum"),
    ]  # fmt: skip


def test_a_row_that_is_nothing_we_know_is_left_out_and_told() -> None:
    taken = take("1||83|||10.1.1.1||||", "|||||||||Lập biểu ngày 1/12|")
    assert [(row, code) for row, _, code in faults(taken)] == [(3, "no_room")]


@pytest.mark.parametrize(
    ("heads", "columns"),
    [
        (HEADS, {"number", "province", "code", "commune", "room", "address", "protocol", "alias", "contact", "phone", "note"}),
        ("STT;TINH/THANH PHO;MA XA;TEN XA;TEN DIEM CAU;DIA CHI IP;TEN MIEN", {"number", "province", "code", "commune", "room", "address", "domain"}),
        ("No.;Province;Commune code;Commune;Room;IP address;Protocol (SIP/H.323);Alias;Contact person;Phone;Notes",
         {"number", "province", "code", "commune", "room", "address", "protocol", "alias", "contact", "phone", "note"}),
        ("TT;Tên đơn vị;Mã đơn vị hành chính;IP thiết bị;Cán bộ phụ trách;Số điện thoại liên hệ", {"number", "commune", "code", "address", "contact", "phone"}),
    ],
)  # fmt: skip
def test_headings_are_known_in_both_languages_with_and_without_accents(heads: str, columns: set[str]) -> None:
    told = rows("UBND TỈNH", "", "DANH SÁCH ĐIỂM CẦU", heads.replace(";", "|"), "1")
    heading = sheetheads.find(told)
    assert heading is not None and set(heading.columns) == columns and heading.body == 4


def test_a_heading_in_two_rows_is_read_as_one() -> None:
    told = rows(
        "STT|Mã xã|Tên điểm cầu|Thông tin kết nối||Đầu mối", "|||Địa chỉ IP|Giao thức|", "1|83|A|10.1.1.1|SIP|B"
    )
    heading = sheetheads.find(told)
    assert heading is not None and heading.columns["address"] == 3 and heading.columns["protocol"] == 4
    assert [one.address for one in sheet.take(told, heading, MEETING, None).rooms] == ["sip:10.1.1.1"]


def test_a_column_that_is_there_twice_is_told_and_the_first_is_used() -> None:
    taken = take("83|10.1.1.1|10.1.1.2", heads="Mã xã|Địa chỉ IP|IP")
    assert taken.rooms[0].address == "10.1.1.1" and "twice" in remarks(taken)


@pytest.mark.parametrize("seed", range(20))
def test_every_row_that_says_anything_is_a_room_or_is_told(seed: int) -> None:
    dice = random.Random(seed)
    words = [
        "",
        "",
        "83",
        "86.0",
        "Phó Bảng",
        "Hòa Bình",
        "10.1.1.1",
        "SIP",
        "x",
        "Tổng",
        "1",
        "Hà Nội",
        "(2)",
        "\u202e",
    ]
    lines = ["|".join(tidy(dice.choice(words)) for _ in range(11)) for _ in range(60)]
    known = inventory()
    taken = take(*lines, known=known)
    said = {at for at, line in enumerate(lines, 2) if line.strip("|")}
    aside = ("again", "sum", "empty_number", "section")
    left = {one.row for one in taken.remarks if one.left_out or one.code in aside}
    assert left <= said and len(said - left) == (len(taken.conference.rooms) if taken.conference else 0)


CELLS = st.text(max_size=30) | st.sampled_from(
    ["83", "Phó Bảng", "10.1.1.1", "SIP", "sip:a@b", "Hà Nội", "a@b.vn", "٣", "\x1b[1m"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=10, max_size=10), max_size=6), st.booleans())
def test_any_cells_make_what_an_inventory_can_hold(lines: list[list[str]], with_inventory: bool) -> None:
    told = rows(HEADS) + [Row(at, tuple(map(tidy, cells))) for at, cells in enumerate(lines, 2)]
    heading = sheetheads.find(told)
    assert heading is not None
    known = inventory()
    taken = sheet.take(told, heading, MEETING, known if with_inventory else None)
    for one in taken.remarks:
        assert one.line("vi") and one.line("en").isprintable()
    if with_inventory and taken.conference:
        whole = replace(known, contacts=taken.contacts, rooms=taken.rooms, conferences=(taken.conference,))
        assert check.faults(whole) == []
    text = "\n".join(write.lines({"contacts": taken.contacts, "rooms": taken.rooms}))
    node = yaml_text.parse(text, lambda *fault: pytest.fail(str(fault))) if text else None
    read = {entry.key: entry.value for entry in node.entries} if isinstance(node, yaml_text.Table) else {}
    made = [one.name for one in taken.rooms]
    assert [row.entries[2].value.text for row in getattr(read.get("rooms"), "items", ())] == made  # type: ignore[union-attr]
