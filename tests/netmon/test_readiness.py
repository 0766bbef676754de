"""Readiness as data: what is no run is refused, whatever it is, and lines say what a run found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon import readiness

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8) | st.sampled_from(["ready", "port"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rooms", "room", "name", "state", "rung", "causes", "summary", "x"]), inner, max_size=6
        )
    ),
    max_leaves=20,
)
NOTHING: dict[str, list[Any]] = {"worse": [], "better": [], "still": []}


def room(id: str, state: str, rung: str = "") -> dict[str, Any]:
    return {"room": id, "name": id, "state": state, "rung": rung}


def run(*rooms: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rooms": list(rooms), "causes": [], "summary": {}} | more


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_run_that_can_be_told_or_refused(raw: bytes) -> None:
    try:
        found = readiness.parse(raw)
    except ValueError:
        return
    change = readiness.delta(None, readiness.carried(None, found))
    assert readiness.line("vi", "x", "T-1h", found, change)


def test_a_run_is_read_and_what_looks_like_one_is_not() -> None:
    good = run(room("a", "ready"), causes=[{"rooms": ["a"]}])
    assert readiness.parse(json.dumps(good).encode()) == good
    for bad in (
        run(room("a", "fine")),
        run(room("a", "ready", "roof")),
        run(causes=[1]),
        run(causes=[{}]),
        run(summary=[]),
    ):
        with pytest.raises(ValueError, match="run"):
            readiness.parse(json.dumps(bad).encode())


@pytest.mark.parametrize(
    ("lead_s", "name"),
    [(86400, "T-24h"), (7200, "T-2h"), (3600, "T-60min"), (600, "T-10min"), (90, "T-90s"), (1.5, "T-1.5s")],
)
def test_stages_are_called_as_people_call_them(lead_s: float, name: str) -> None:
    assert readiness.stage_name(lead_s) == name


def test_the_line_says_how_many_whose_and_why_nothing() -> None:
    cause = {"name": "core-p01", "owner": "", "carrier": "VNPT", "rooms": ["a", "b"]}
    found = run(room("a", "not_ready", "port"), room("b", "not_measured"), room("c", "risk"), causes=[cause])
    change = readiness.delta(None, found)
    assert readiness.line("en", "HN", "T-60min", found, change) == (
        "Conference HN, T-60min: 2 of 3 rooms not ready (2 got worse, 0 got better), 1 at risk; call first: VNPT, core-p01 (2 rooms)"
    )
    assert (
        readiness.line("vi", "HN", "T-10min", run(room("a", "ready")), NOTHING)
        == "Hội nghị HN, T-10min: tất cả 1 phòng sẵn sàng"
    )
    assert "COULD NOT BE REHEARSED (no route)" in readiness.line("en", "HN", "T-60min", run(), NOTHING, "no route")


def test_what_was_seen_again_is_not_carried() -> None:
    before = run(room("a", "not_ready", "media"), room("b", "not_ready", "tls"), at="then")
    light = run(room("a", "not_ready", "port"), room("b", "ready"), light=True)
    assert readiness.carried(before, light)["rooms"] == [room("a", "not_ready", "port"), room("b", "ready")]
    heavy = run(room("a", "ready"), room("b", "ready"))
    assert readiness.carried(before, heavy)["summary"]["ready"] == 2
    third = readiness.carried(
        readiness.carried(before, run(room("a", "ready"), light=True, at="now")), run(room("a", "ready"), light=True)
    )
    assert third["rooms"][0]["as_of"] == "then"
