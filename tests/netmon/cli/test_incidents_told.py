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


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_each_entry_there_can_be_has_words_and_none_needs_facts_it_lacks(lang: str) -> None:
    for what in HAPPENED:
        assert f"entry.{what}" in told.words(lang)
        [(_, text)] = told.happened(incident(timeline=[entry(what, 1)]), lang)
        assert text
        assert text != what
