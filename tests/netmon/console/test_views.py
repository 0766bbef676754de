"""Screens are pure: state, place, size and time in, lines out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from screens import AT_MS, commune, incident, state

from netmon.console.paint import ScreenLine, fit
from netmon.console.state import ConsoleState
from netmon.console.ui import Ui, press
from netmon.console.view import frame

NOW_S = AT_MS / 1000 + 1


def shown(body: dict, ui: Ui | None = None, width: int = 100, height: int = 24, now_s: float = NOW_S) -> list[str]:
    known = ConsoleState()
    known.apply("snapshot", body, NOW_S)
    return texts(frame.render(known, ui or Ui(), width, height, now_s))


def texts(lines: list[ScreenLine]) -> list[str]:
    return ["".join(part.text for part in line) for line in lines]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 10), (200, 60), (20, 5)])
def test_every_size_is_filled_exactly(width: int, height: int) -> None:
    lines = shown(state(30, (incident(),)), width=width, height=height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


def test_the_incident_stands_above_the_communes() -> None:
    lines = shown(state(6, (incident(),)))
    assert "SỰ CỐ 1" in lines[1]
    assert "link:core-province" in lines[2]
    assert next(at for at, line in enumerate(lines) if "XÃ, PHƯỜNG 6" in line) > 2


def test_old_data_says_so() -> None:
    assert "DỮ LIỆU CŨ 31s" in shown(state(), now_s=NOW_S + 30)[0]
    assert "dữ liệu 1s" in shown(state())[0]


def test_what_was_not_measured_has_no_number() -> None:
    body = state(0)
    body["communes"] = [commune(1, "unknown", rtt_ms=None, loss=None, at_ms=None)]
    line = next(line for line in shown(body) if "00001" in line)
    assert "0.0" not in line
    assert line.count("–") == 3


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "[/oops]", "[bold]x", "a\u202eb", "x\ny", "\x9b31m"])
def test_a_hostile_name_is_shown_harmlessly(hostile: str) -> None:
    body = state(0, (incident(name=hostile, vi=hostile),))
    body["communes"] = [commune(1, name=hostile)]
    for ui in (Ui(), Ui(opened=("incident", "i-1")), Ui(opened=("commune", "commune:00001"))):
        text = "".join(shown(body, ui))
        assert text.isprintable()
        assert "\u202e" not in text
    assert ("[/oops]" in "".join(shown(body))) == (hostile == "[/oops]")


def test_enter_opens_what_the_cursor_stands_on_and_esc_leads_back() -> None:
    known = ConsoleState()
    known.apply("snapshot", state(6, (incident(),)), NOW_S)
    ui = press(Ui(), "enter", known)
    assert ui.opened == ("incident", "i-1")
    assert "VNPT trực kênh  080 00002" in "\n".join(texts(frame.render(known, ui, 100, 24, NOW_S)))
    ui = press(press(press(ui, "esc", known), "down", known), "enter", known)
    assert ui.opened == ("commune", "commune:00001")
    assert "LOST" in "\n".join(texts(frame.render(known, ui, 100, 24, NOW_S)))


def test_a_filter_is_typed_and_esc_clears_it() -> None:
    known = ConsoleState()
    known.apply("snapshot", state(30), NOW_S)
    ui = Ui()
    for key in ("/", "0", "0", "2", "enter"):
        ui = press(ui, key, known)
    assert ui.filter == "002"
    assert not ui.typing
    assert press(ui, "esc", known).filter == ""


def test_a_change_updates_rows_and_keeps_the_others() -> None:
    known = ConsoleState()
    known.apply("snapshot", state(3), NOW_S)
    known.apply("change", {"at_ms": AT_MS + 1000, "communes": [commune(2, "bad")]}, NOW_S)
    assert [row["state"] for row in known.commune_rows("")] == ["bad", "ok", "ok"]


@given(
    st.lists(
        st.sampled_from(
            ["up", "down", "pgup", "pgdn", "home", "end", "enter", "esc", "/", "?", "l", "x", "é", "backspace"]
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_order_of_keys_breaks_the_screen(keys: list[str]) -> None:
    known = ConsoleState()
    known.apply("snapshot", state(9, (incident(), incident(id="i-2", state="resolved", resolved_ms=AT_MS))), NOW_S)
    ui = Ui()
    for key in keys:
        ui = press(ui, key, known)
        assert {cell_len(line) for line in texts(frame.render(known, ui, 80, 24, NOW_S))} == {80}


@given(st.text(max_size=40), st.integers(0, 30))
def test_a_cell_is_as_wide_as_asked(text: str, width: int) -> None:
    from probes.clean import clean

    assert cell_len(fit(clean(text), width)) == width


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_headline_that_is_cut_never_loses_whom_to_call(width: int, lang: str) -> None:
    long = "Đường truyền Trung tâm – Thành phố Hà Nội mất kết nối, " * 3 + "gọi VNPT trực kênh 080 00002"
    lines = shown(state(6, (incident(vi=long, en=long),)), Ui(lang=lang), width=width)
    assert "080 00002" in lines[2] and "…" in lines[2]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ba dinh", {"00001"}), ("BA ĐÌNH", {"00001"}), ("mất", {"00002"}), ("mat", {"00002"}), ("down", {"00002"}),
        ("tốt", {"00001", "00003"}), ("bà đình", set()), ("ngoc", {"00003"}), ("00002", {"00002"}),
    ],
)  # fmt: skip
def test_a_filter_finds_names_without_marks_and_states_as_shown(typed: str, found: set[str]) -> None:
    body = state(0)
    body["communes"] = [
        commune(1, "ok", name="Phường Ba Đình"), commune(2, "bad", name="Xã Cát Hải"),
        commune(3, "ok", name=unicodedata.normalize("NFD", "Phường Ngọc Hà")),
    ]  # fmt: skip
    known = ConsoleState()
    known.apply("snapshot", body, NOW_S)
    assert {row["code"] for row in known.commune_rows(typed)} == found


def test_every_screen_names_its_zone() -> None:
    assert "+07" in shown(state(6))[0]


@pytest.mark.parametrize("width", [40, 48, 60, 66])
@pytest.mark.parametrize("phone", ["080 00002", "0912 345 678", "+84 24 3943 0001"])
def test_a_narrow_screen_shows_the_telephone_whole(width: int, phone: str) -> None:
    long = "Đường truyền Trung tâm – Thành phố Hà Nội mất kết nối, gọi VNPT trực kênh"
    whom = {"name": "VNPT trực kênh", "phone": phone}
    lines = shown(state(6, (incident(vi=long, en=long, contact=whom),)), Ui(lang="vi"), width=width)
    assert phone in lines[2]


@pytest.mark.parametrize("width", range(24, 72, 4))
def test_a_narrow_screen_shows_a_figure_whole_or_not_at_all(width: int) -> None:
    body = state(0)
    body["communes"] = [commune(1, "ok", name="Phường Văn Miếu – Quốc Tử Giám", rtt_ms=12345.67, loss=1.0)]
    row = shown(body, Ui(lang="en"), width=width, now_s=NOW_S + 50_000)[6]
    _, _, figures = row.partition(" ok ")
    whole = ["12345.67", "100 %", "13h53m"]
    assert " ".join(figures.split()) in {" ".join(whole[:many]) for many in range(4)}
    assert width < 60 or figures.split()[-1] == "13h53m"


def test_old_data_is_no_all_clear() -> None:
    assert any("Không có sự cố" in line and "cũ" not in line for line in shown(state(6)))
    old = shown(state(6), now_s=NOW_S + 60)
    assert any("hiện nay chưa rõ" in line for line in old)
    known = ConsoleState()
    known.apply("snapshot", state(6), NOW_S)
    known.fault = "hub /x: nobody answers there"
    assert any("hiện nay chưa rõ" in line for line in texts(frame.render(known, Ui(), 100, 24, NOW_S)))
