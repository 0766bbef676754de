"""Which page is owed to whom: firing unless silenced, resolved to whoever got firing, never twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout import ROOT
from incident_world import Tree

from alerts.base import Firing, Info
from alerts.incidents import Incident
from alerts.notify import webhook
from alerts.notify.notice import notice_of
from alerts.notify.said import headline
from alerts.silences import Silence
from alerts.texts import LANGUAGES, EndangeredConference
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.incidents.pages import Key, Pages
from netmon.hub.outbox_table import Undelivered


def somebody(name: str, **more: object) -> ReceiverConfig:
    return ReceiverConfig(name=name, url="http://x/", secret_file="s", **more)  # type: ignore[arg-type]


DUTY = somebody("duty")
NIGHT = somebody("night", severities=("critical",))
CARRIER = somebody("carrier", owners=("VNPT",))
CONFIG = HubConfig(name="hub-01", lang="vi", receivers=(DUTY, NIGHT, CARRIER))


def incident(element: str = "link:core-province", **more: object) -> Incident:
    one = Incident("i1", element, "down", "reach", "critical", 2_000, 1_000)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def pages(paged: dict[Key, str] | None = None) -> Pages:
    return Pages(CONFIG, Tree(30), paged or {})


def owed(
    one: Incident, paged: dict[Key, str] | None = None, silences: tuple[Silence, ...] = ()
) -> list[tuple[str, str]]:
    return [(page.receiver, page.status) for page in pages(paged).missing([one], silences, 150)]


def silence(element: str, until_s: float = 200) -> Silence:
    return Silence("s", element, 100, until_s, "lan", "")


def test_a_new_incident_owes_firing_to_all_who_want_it() -> None:
    assert owed(incident()) == [("duty", "firing"), ("night", "firing")]


def test_nobody_is_owed_what_is_in_the_outbox() -> None:
    assert owed(incident(), {("i1", "duty", "firing"): "accepted", ("i1", "night", "firing"): "failed"}) == []


def test_an_incident_that_grows_worse_reaches_whoever_wants_only_the_worst() -> None:
    had: dict[Key, str] = {("i1", "duty", "firing"): "accepted"}
    assert owed(incident(severity="warning"), had) == []
    assert owed(incident(severity="critical"), had) == [("night", "firing")]


def test_a_silenced_element_and_what_is_behind_it_page_nobody() -> None:
    assert owed(incident(), silences=(silence("link:core-province"),)) == []
    assert owed(incident("commune:c3"), silences=(silence("link:core-province"),)) == []


def test_an_incident_that_outlasts_its_silence_is_paged() -> None:
    assert owed(incident(), silences=(silence("link:core-province", until_s=150),)) != []


def test_an_acknowledged_incident_is_not_paged_anew() -> None:
    had: dict[Key, str] = {("i1", "duty", "firing"): "accepted", ("i1", "night", "firing"): "accepted"}
    assert owed(incident(acked_by="lan"), had) == []


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("waiting", [("duty", "resolved")]), ("accepted", [("duty", "resolved")]), ("failed", [])],
)
def test_resolved_goes_to_whoever_got_firing_and_to_nobody_else(state: str, wanted: list[tuple[str, str]]) -> None:
    assert owed(incident(resolved_ms=9_000), {("i1", "duty", "firing"): state}) == wanted


def test_resolved_goes_out_though_the_element_was_silenced_meanwhile() -> None:
    had: dict[Key, str] = {("i1", "duty", "firing"): "accepted"}
    over = incident(resolved_ms=9_000)
    assert owed(over, had, (silence("link:core-province"),)) == [("duty", "resolved")]


def test_what_was_swallowed_by_a_nearer_one_is_told_as_part_of_it_and_not_as_well() -> None:
    had: dict[Key, str] = {("i1", "duty", "firing"): "accepted"}
    assert owed(incident(resolved_ms=9_000, superseded_by="i0"), had) == [("duty", "superseded")]


def test_an_incident_that_was_never_paged_ends_in_silence() -> None:
    assert owed(incident(resolved_ms=9_000)) == []


def test_kept_pages_are_not_owed_again_and_forgotten_ones_leave_no_trace() -> None:
    book = pages()
    first = book.missing([incident()], (), 150)
    book.kept(first, [])
    assert book.missing([incident()], (), 150) == []
    book.kept([], ["i1"])
    assert len(book.missing([incident()], (), 150)) == len(first)


def test_a_page_carries_the_row_people_see() -> None:
    book = pages()
    one = incident(suspects=("link:core-province", "province:01"), against=30, clear=1)
    body = json.loads(book.missing([one], (), 150)[0].body)
    row = book.row(one, 150)
    assert body["receiver"] == "duty"
    assert body["commonLabels"]["hub"] == "hub-01"
    assert body["incident"]["symptom_count"] == row["symptom_count"] == 30
    assert body["incident"]["symptoms"] == row["symptoms"] == [f"commune:c{number}" for number in range(1, 21)]
    assert body["incident"]["contact"] == {"name": "Trực kênh", "phone": "080 00002"}
    assert body["commonAnnotations"]["summary"] == body["incident"]["vi"]
    assert body["incident"]["vi"].startswith(row["vi"].partition(", từ ")[0]) and body["incident"]["do"] == row["do"]


def _giao_ban(element: str, now_s: float) -> tuple[EndangeredConference, ...]:
    """Between 100 s and 200 s every link endangers it."""
    return (
        (EndangeredConference("gb", "Giao ban", 3, 8, 270_000),) if element[:5] == "link:" and 100 < now_s < 200 else ()
    )


def test_a_page_begins_with_the_conference_it_endangers() -> None:
    book = Pages(CONFIG, Tree(30), {}, endangered=_giao_ban)
    incident_page = json.loads(book.missing([incident()], (), 150)[0].body)
    assert incident_page["incident"]["conferences"] == book.row(incident(), 150)["conferences"] == ["gb"]
    summary = incident_page["commonAnnotations"]["summary"]
    assert summary.startswith("HỘI NGHỊ Giao ban, mất 3/8 phòng, còn 2 phút nữa bắt đầu – MẤT KẾT NỐI: ")
    assert book.row(incident(), 150)["vi"].startswith("MẤT KẾT NỐI: ")  # minutes are of a page's moment
    assert book.row(incident("commune:c1"), 150)["conferences"] == book.row(incident(), 250)["conferences"] == []


def test_an_incident_that_is_over_keeps_the_conferences_of_its_end_and_tells_of_none() -> None:
    book = Pages(CONFIG, Tree(30), {}, endangered=_giao_ban)
    row = book.row(incident(resolved_ms=150_000), 9_000)
    assert row["conferences"] == ["gb"] and row["vi"].startswith("ĐÃ KHÔI PHỤC")
    told = Pages(CONFIG, Tree(30), {("i1", "duty", "firing"): "accepted"}, endangered=_giao_ban)
    page = json.loads(told.missing([incident(resolved_ms=150_000)], (), 151)[0].body)
    assert page["status"] == "resolved" and page["commonAnnotations"]["summary"].startswith("ĐÃ KHÔI PHỤC")
    assert book.row(incident(resolved_ms=9_000), 150)["conferences"] == []


@pytest.mark.parametrize(
    ("element", "known"),
    [
        ("link:core-province", True),
        ("commune:c7", True),
        ("agent:c7", True),
        ("agent:ghost", False),
        ("commune:ghost", False),
        ("", False),
        ("link:core-province\x1b[2J", False),
    ],
)
def test_only_elements_of_the_inventory_are_known(element: str, known: bool) -> None:
    assert pages().knows(element) is known


def test_an_element_that_left_the_inventory_still_has_a_row() -> None:
    class Bare(Tree):
        def info(self, element: str) -> Info:
            return Info(element, "", "", "", "", "", "", "")

    row = Pages(CONFIG, Bare(1), {}).row(incident("link:gone"), 150)
    assert (row["name"], row["owner"]) == ("link:gone", "")
    assert "link:gone" in row["en"]


def test_every_key_of_a_row_is_documented() -> None:
    text = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
    assert [key for key in pages().row(incident(), 150) if f'"{key}"' not in text] == []


def test_a_thing_with_a_trouble_of_its_own_makes_nobody_else_suffer() -> None:
    row = pages().row(incident("mcu:mcu-1", kind="certificate", fault="state", severity="warning"), 150)
    assert row["symptoms"] == ["mcu:mcu-1"] and row["symptom_count"] == 1 and row["fault"] == "state"
    assert row["vi"].startswith("CHỨNG THƯ SỐ SẮP HẾT HẠN: MCU Tên mcu:mcu-1,") and "ảnh hưởng" not in row["vi"]
    assert pages().row(incident("mcu:mcu-1"), 150)["symptom_count"] == 30


# --- parts of the network, the next to be called, reminders ---


def owed_to(
    receivers: tuple[ReceiverConfig, ...], case: Incident, now_s: float, paged: dict[Key, str] | None = None
) -> list[tuple[str, str]]:
    made = Pages(HubConfig(name="hub-01", receivers=receivers), Tree(30), paged or {})
    return [(page.receiver, page.status) for page in made.missing([case], (), now_s)]


@pytest.mark.parametrize(
    ("element", "is_told"),
    [
        ("commune:c3", True),
        ("province:01", True),
        ("link:core-province", True),
        ("site:core", True),
        ("mcu:mcu-1", False),
    ],
)
def test_a_province_is_told_of_what_is_in_it_and_of_what_it_hangs_on(element: str, is_told: bool) -> None:
    owed = owed_to((somebody("p01", provinces=("01",)), somebody("p79", provinces=("79",))), incident(element), 150)
    assert owed == ([("p01", "firing")] if is_told else [])


def test_the_next_one_is_called_after_a_quarter_of_an_hour_and_gets_the_all_clear() -> None:
    both = DUTY, somebody("boss", after_s=900.0)
    had: dict[Key, str] = {("i1", "duty", "firing"): "accepted"}
    assert owed_to(both, incident(), 901, had) == []
    assert owed_to(both, incident(), 902, had) == [("boss", "firing")]
    assert owed_to(both, incident(acked_by="lan", acked_ms=9_000), 902, had) == []
    had["i1", "boss", "firing"] = "accepted"
    assert owed_to(both, incident(resolved_ms=999_000), 1000, had) == [("duty", "resolved"), ("boss", "resolved")]


def test_whoever_wants_it_is_reminded_until_somebody_acknowledges() -> None:
    again = (somebody("duty", repeat_s=600.0),)
    had: dict[Key, str] = {("i1", "duty", "firing"): "waiting"}
    assert owed_to(again, incident(), 700, had) == []  # not even the first page came through
    had["i1", "duty", "firing"] = "accepted"
    assert owed_to(again, incident(), 601, had) == []
    assert owed_to(again, incident(), 602, had) == [("duty", "repeat-1")]
    assert owed_to(again, incident(), 1900, had) == [("duty", "repeat-3")]  # not three at once
    had["i1", "duty", "repeat-3"] = "accepted"
    assert owed_to(again, incident(), 1900, had) == []
    assert owed_to(again, incident(acked_by="lan", acked_ms=9_000), 2500, had) == []
    assert owed_to(again, incident(resolved_ms=2_450_000), 2500, had) == [("duty", "resolved")]


def test_a_reminder_is_a_page_of_its_own_about_the_same_thing() -> None:
    made = Pages(
        HubConfig(name="h", receivers=(somebody("duty", repeat_s=600.0),)),
        Tree(30),
        {("i1", "duty", "firing"): "accepted"},
    )
    [page] = made.missing([incident()], (), 700)
    body = json.loads(page.body)
    assert (body["status"], body["repeat"], body["alerts"][0]["fingerprint"]) == ("firing", 1, "i1")
    assert page.id not in (webhook.page_id("i1", "duty", "firing"), webhook.page_id("i1", "duty", "resolved"))
    assert headline(notice_of(page.body, page.id), "en").startswith("🔴 Reminder 1, nobody acknowledged: ")


# --- why somebody has no page ---


def not_sent(one: Incident, *undelivered: Undelivered, **more: Any) -> list[tuple[str, str, str]]:
    known = Pages(CONFIG, Tree(30), more.get("paged", {}), undelivered)
    return [(row["receiver"], row["reason"], row["detail"]) for row in known.not_sent(one, more.get("quiet"), 150)]


def test_who_gets_no_page_is_told_why() -> None:
    assert not_sent(incident()) == [("carrier", "owner", "")]
    assert not_sent(incident(severity="warning")) == [("night", "severity", ""), ("carrier", "owner", "")]
    assert not_sent(incident(), quiet=silence("link:core-province"))[:2] == [
        ("duty", "silenced", "s"), ("night", "silenced", "s"),
    ]  # fmt: skip
    assert ("duty", "over", "") in not_sent(incident(resolved_ms=9_000))


def test_a_page_that_was_tried_in_vain_says_what_was_answered() -> None:
    paged = {("i1", name, "firing"): "waiting" for name in ("duty", "night", "carrier")}
    waits = Undelivered("i1", "duty", "firing", "waiting", 5, "answered 503")
    gone = Undelivered("i1", "night", "resolved", "failed", 6, "answered 400")
    others = Undelivered("i2", "night", "firing", "failed", 6, "answered 400")
    assert not_sent(incident(), waits, gone, others, paged=paged) == [
        ("duty", "waiting", "answered 503"), ("night", "given-up", "resolved: answered 400"),
    ]  # fmt: skip


# --- what to do, and how bad it is ---


def test_every_kind_says_what_to_do_first() -> None:
    names = {key for key in LANGUAGES["en"] if key in pages()._first_steps}
    kinds = {
        "down",
        "loss",
        "delay",
        "jitter",
        "throughput",
        "certificate",
        "battery",
        "interface",
        "unready",
        "software",
        "media",
        "silent",
        "unheard",
        "unfit",
        "trouble",
    }
    assert names >= kinds
    for kind in (*kinds, "a-rule-of-our-own"):
        step = pages().row(incident(kind=kind), 150)["do"]
        assert step["vi"].endswith(".") and step["en"].endswith(".") and step["vi"] != step["en"]


def test_a_page_has_the_median_of_what_fires_for_its_incident_and_no_other() -> None:
    made = pages()
    members = {("link-loss", f"c{number}-core") for number in range(1, 4)}
    shares = {"c1-core": 0.1, "c2-core": 0.3, "c3-core": 0.5, "c4-core": 0.9}
    made.firing = [Firing("link-loss", "quality", "warning", check, "c", 0, share) for check, share in shares.items()]
    case = incident(kind="loss", fault="quality", severity="critical", members=members)
    text = json.loads(made.missing([case], (), 150)[0].body)["commonAnnotations"]["summary_en"]
    assert "30% of packets lost" in text and "30 communes suffer (Tên commune:c1, " in text
    assert "packets lost" not in made.row(case, 150)["en"]  # figures are of a page's moment
