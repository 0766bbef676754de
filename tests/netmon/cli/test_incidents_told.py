"""One incident in sentences, from what a hub answers."""

from __future__ import annotations

from typing import Any

import pytest

from netmon.cli import incidents_told as told
from netmon.hub.incidents.timeline import HAPPENED

AT_MS = 1_790_000_000_000


def entry(what: str, number: int, who: str = "", **facts: Any) -> dict[str, Any]:
    return {
        "incident": "i1",
        "number": number,
        "at_ms": AT_MS + number * 1000,
        "what": what,
        "who": who,
        "facts": facts,
    }


def incident(**more: Any) -> dict[str, Any]:
    return {
        "id": "i1", "version": 2, "state": "open", "vi": "MẤT KẾT NỐI", "en": "DOWN", "acked_by": "", "acked_ms": None,
        "ack_note": "", "acked_until_ms": None, "assigned": None, "timeline": [], "pages": [], **more,
    }  # fmt: skip


def test_the_life_of_an_incident_in_its_order() -> None:
    page = {"receiver": "duty", "status": "firing", "state": "accepted", "created_ms": AT_MS + 1_500, "tries": 1}
    opened = entry("opened", 1, kind="loss", severity="warning", against=3, clear=2)
    row = incident(timeline=[opened, entry("superseded", 2, by="i0")], pages=[page])
    assert told.life(row, "en") == [
        "i1 (version 2), open: DOWN",
        "In nobody's hands.",
        "21/09 21:13:21 +07  opened: loss, warning, 3 checks accuse it, 2 find it well",
        "21/09 21:13:21 +07  page to duty: firing (accepted)",
        "21/09 21:13:22 +07  became part of i0",
    ]


def test_all_six_of_a_task_are_told() -> None:
    task = {
        "to": "Trần B", "task": "thay cáp", "by_ms": AT_MS, "responsible": "Lê C", "result": "tuyến thông",
        "authority": "cắt 5 phút",
    }  # fmt: skip
    [line] = told.hands(incident(assigned=task), "vi")
    assert all(str(said) in line for key, said in task.items() if key != "by_ms")
    assert "hạn 21/09 21:13:20 +07" in line
    [line] = told.hands(incident(acked_by="lan", acked_ms=AT_MS, acked_until_ms=AT_MS + 60_000), "vi")
    assert line == "lan đã nhận xử lý lúc 21/09 21:13:20 +07, đến 21/09 21:14:20 +07."


def seen(moment: str, *states: str) -> dict[str, Any]:
    matrix = [
        {"check": f"c{number}", "agent": "a", "accuses": True, "state": state, "miss_ms": AT_MS, "ok_ms": None, "newest_ms": AT_MS}
        for number, state in enumerate(states)
    ]  # fmt: skip
    point = {"check": "p", "agent": "a", "outcome": 0, "values": {"hops": 4, "changed": 1}}
    paths = [point | {"at_ms": AT_MS - 5_000}, point | {"at_ms": AT_MS + 5_000}]
    return {"moment": moment, "at_ms": AT_MS, "checks": 9, "matrix": matrix, "paths": paths, "interfaces": []}


def whole(**more: Any) -> dict[str, Any]:
    return incident(
        name="Sài Gòn", element="link:a", owner="", carrier="VNPT", circuit_id="TSL-1", contact={"name": "", "phone": ""},
        first_miss_ms=AT_MS, opened_ms=AT_MS + 4_000, resolved_ms=None, superseded_by="", ended="", suspects=["link:a"],
        symptoms=["commune:1"], symptom_count=3, conferences=[], not_sent=[{"receiver": "night", "reason": "hours"}],
        evidence={"against": 3, "clear": 1, "also": [], "outvoted": ["c00007"]}, pictures=[seen("opened", "failing")],
    ) | more  # fmt: skip


def test_evidence_tells_who_failed_and_whether_a_path_is_from_before() -> None:
    lines = told.evidence(whole(pictures=[seen("opened", "failing", "answering", "unknown"), seen("now")]), "en")
    assert lines[1].startswith("AT THE OPENING")
    assert lines[1].endswith("9 checks cross it; of the 3 below 1 fail, 1 answer, 1 are not known")
    assert "FAILS     c0 (a), missed since 21/09 21:13:20 +07, last answered not known" in lines[2]
    assert [("before" in line, "hops=4 changed=1" in line) for line in lines[5:7]] == [(True, True), (False, True)]
    assert told.evidence(whole(pictures=[]), "en")[1].startswith("Nothing was kept")


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("part", told.PARTS)
def test_each_report_is_of_facts_and_says_what_is_not_known(part: str, lang: str) -> None:
    text = "\n".join(told.report(whole(), part, AT_MS + 65_000, lang))
    assert ("CHƯA RÕ" if lang == "vi" else "NOT KNOWN") in text
    assert "c00007" in text
    assert "night (hours)" in text
    assert "1m 5s" in text
    assert ("8. " in text) is (part != "initial")
    assert ("CHƯA kết thúc" in text or "NOT over" in text) is (part == "end")
    assert "{" not in text


def test_the_last_report_says_how_it_ended() -> None:
    def when(**more: Any) -> str:
        return told.report(whole(state="resolved", resolved_ms=AT_MS + 60_000, **more), "end", AT_MS + 90_000, "en")[3]

    assert told.report(whole(state="resolved", resolved_ms=AT_MS + 60_000), "end", AT_MS, "en")[1].startswith("1. ")
    ended = told.report(whole(state="resolved", resolved_ms=AT_MS + 60_000), "end", AT_MS + 90_000, "en")[3]
    assert ended.endswith("well again 21/09 21:14:20 +07, it lasted 1m")
    assert "became part of i0" in when(superseded_by="i0")
    assert "nobody measured it" in when(ended="unmeasured")


def test_a_task_whose_time_is_over_is_told_as_overdue() -> None:
    task = {"to": "B", "task": "t", "by_ms": AT_MS + 1_000, "responsible": "C", "result": "r", "authority": "a"}
    assert "OVERDUE" in "\n".join(told.report(whole(assigned=task), "progress", AT_MS + 2_000, "en"))
    assert "OVERDUE" not in "\n".join(told.report(whole(assigned=task), "progress", AT_MS + 500, "en"))


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_each_entry_there_can_be_has_words_and_none_needs_facts_it_lacks(lang: str) -> None:
    for what in HAPPENED:
        assert f"entry.{what}" in told.words(lang)
        [(_, text)] = told.happened(incident(timeline=[entry(what, 1)]), lang)
        assert text
        assert text != what
