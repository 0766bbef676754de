"""The one line a person reads at three in the morning."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.base import Info
from alerts.incident import Incident
from alerts.texts import LANGUAGES, EndangeredConference, PageFacts, clock, conferences, summary

LINK = Info("link:core-province", "link", "Trung tâm – Sài Gòn", "VNPT", "VNPT", "TSL-1", "Trực kênh", "080 00002")
COMMUNES = tuple(f"commune:c{number}" for number in range(98))
AT_MS = 1_790_000_000_000  # 21:13:20 in Việt Nam


def incident(kind: str = "down", resolved_ms: int | None = None) -> Incident:
    return Incident("i1", "", kind, "reach", "critical", AT_MS, AT_MS, resolved_ms=resolved_ms)


def test_what_which_whose_who_suffers_since_when_and_whom_to_call() -> None:
    assert summary("en", incident(), LINK, COMMUNES) == (
        "DOWN: link Trung tâm – Sài Gòn, VNPT, circuit TSL-1, 98 communes suffer, since 21:13:20,"
        " call Trực kênh 080 00002"
    )
    assert summary("vi", incident(), LINK, COMMUNES) == (
        "MẤT KẾT NỐI: đường truyền Trung tâm – Sài Gòn, VNPT, kênh TSL-1, ảnh hưởng 98 xã, từ 21:13:20,"
        " gọi Trực kênh 080 00002"
    )


def test_what_is_over_says_from_when_to_when_and_asks_nobody_to_call() -> None:
    told = summary("en", incident(resolved_ms=AT_MS + 61_000), LINK, COMMUNES)
    assert told.startswith("RECOVERED (down): link ")
    assert "from 21:13:20 to 21:14:21" in told
    assert "call" not in told


def test_one_commune_suffers_from_its_own_fault_without_being_counted() -> None:
    told = summary("en", incident("silent"), Info("agent:c1", "agent", "", "", "", "", "", ""), ("agent:c1",))
    assert told == "SILENT: agent agent:c1, since 21:13:20"


def test_both_languages_say_the_same_of_every_word() -> None:
    for key, text in LANGUAGES["vi"].items():
        assert text and re.findall(r"\{\w*\}", text) == re.findall(r"\{\w*\}", LANGUAGES["en"][key]), key


def test_what_nobody_measures_any_more_is_not_called_well() -> None:
    gone = replace(incident(resolved_ms=AT_MS + 61_000), ended="unmeasured")
    assert summary("en", gone, LINK, COMMUNES).startswith("NO LONGER MEASURED (down): link ")


@pytest.mark.parametrize("kind", ["down", "loss", "delay", "jitter", "throughput", "silent", "my-own-rule"])
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_kind_has_a_line(kind: str, lang: str) -> None:
    assert "{" not in summary(lang, incident(kind), LINK, COMMUNES)


@given(st.text(max_size=40), st.text(max_size=40))
def test_names_are_data_and_never_a_template(name: str, phone: str) -> None:
    info = LINK._replace(name=name, contact_phone=phone, circuit_id=name)
    told = summary("en", incident(), info, COMMUNES)
    assert name in told
    assert phone in told


@pytest.mark.parametrize("hostile", ["{0.__class__}", "{at}", "%s%n", "[red]x[/red]", "$(reboot)"])
def test_a_hostile_name_stays_what_it_is(hostile: str) -> None:
    info = LINK._replace(name=hostile, circuit_id=hostile, contact_name=hostile)
    assert summary("vi", incident(), info, COMMUNES).count(hostile) == 3


def test_clocks_are_in_viet_nam_whatever_this_machine_thinks() -> None:
    assert clock(0) == "07:00:00"


# --- conferences ---

MEETING = EndangeredConference("gb", "Giao ban", 3, 124, AT_MS + 20 * 60_000)


def test_a_conference_that_is_lost_stands_first_with_rooms_and_minutes() -> None:
    assert conferences("en", incident(), [MEETING], AT_MS) == (
        "CONFERENCE Giao ban, 3 of 124 rooms lost, starts in 20 min – "
    )
    assert conferences("vi", incident(), [MEETING], AT_MS) == (
        "HỘI NGHỊ Giao ban, mất 3/124 phòng, còn 20 phút nữa bắt đầu – "
    )


@pytest.mark.parametrize(
    ("left_ms", "told"),
    [(60_001, "starts in 2 min"), (60_000, "starts in 1 min"), (1, "starts in 1 min"), (0, "began 0 min ago"),
     (-59_999, "began 0 min ago"), (-60_000, "began 1 min ago"), (-3_600_000, "began 60 min ago")],
)  # fmt: skip
def test_minutes_are_whole_and_a_start_is_never_told_too_early(left_ms: int, told: str) -> None:
    line = conferences("en", incident(), [MEETING._replace(starts_ms=AT_MS + left_ms)], AT_MS)
    assert line == f"CONFERENCE Giao ban, 3 of 124 rooms lost, {told} – "


def test_rooms_of_a_lossy_link_are_not_lost_and_a_backup_is_told() -> None:
    assert "3 of 124 rooms affected" in conferences("en", incident("loss"), [MEETING], AT_MS)
    assert "a backup is left for its 124 rooms" in conferences("en", incident(), [MEETING._replace(lost=0)], AT_MS)


def test_no_more_than_three_conferences_are_named() -> None:
    many = [MEETING._replace(name=f"C{number}") for number in range(5)]
    told = conferences("en", incident(), many, AT_MS)
    assert told.count("CONFERENCE") == 3 and "; and 2 more conferences – " in told
    assert "more" not in conferences("en", incident(), many[:3], AT_MS)


def test_what_is_over_endangers_nobody_any_more() -> None:
    assert conferences("en", incident(resolved_ms=AT_MS), [MEETING], AT_MS) == ""
    assert conferences("en", incident(), [], AT_MS) == ""


# --- as a page says it ---


def paged(
    lang: str, kind: str = "down", *, now_ms: int = AT_MS, resolved_ms: int | None = None, **facts: object
) -> str:
    case = replace(incident(kind, resolved_ms), against=98, clear=1)
    return summary(lang, case, LINK, COMMUNES, PageFacts(now_ms, **facts))  # type: ignore[arg-type]


def test_a_page_says_how_bad_it_is_and_names_some_who_suffer() -> None:
    names = ("Tân Phú", "Tân Đông", "An Khê", "Phú Mỹ", "Long Sơn")
    assert paged("vi", "loss", names=names, figure=0.154) == (
        "MẤT GÓI: đường truyền Trung tâm – Sài Gòn, VNPT, kênh TSL-1, ảnh hưởng 98 xã (Tân Phú, Tân Đông, An Khê, Phú Mỹ, Long Sơn, …),"
        " mất 15% gói, 98/99 phép đo bị, từ 21:13:20 +07, gọi Trực kênh 080 00002"
    )
    assert "210 ms round trip, 98 of 99 checks hit, since 21:13:20 +07" in paged("en", "delay", figure=0.2096)
    assert "%" not in paged("en", "down", figure=0.5) and "ms" not in paged("en", "jitter", figure=0.5)


@pytest.mark.parametrize(
    ("later_ms", "since"),
    [
        (0, "21:13:20 +07"),
        (2 * 3_600_000, "21:13:20 +07"),
        (3 * 3_600_000, "21:13:20 21/09 +07"),
        (200 * 86_400_000, "21:13:20 21/09/2026 +07"),
    ],
)
def test_a_date_that_is_not_todays_is_named(later_ms: int, since: str) -> None:
    assert f"since {since}, call" in paged("en", now_ms=AT_MS + later_ms)
    over = paged("en", now_ms=AT_MS + later_ms, resolved_ms=AT_MS + later_ms)
    assert f"from {since} to " in over and "checks hit" not in over


def test_names_in_a_page_are_data() -> None:
    assert "({n}, %s, …)" in paged("en", names=("{n}", "%s"))
    assert "(A, B)" in summary("en", incident(), LINK, ("commune:1", "commune:2"), PageFacts(AT_MS, ("A", "B")))
