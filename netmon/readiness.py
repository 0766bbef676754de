"""A conference's readiness as data that several roles share: states, rungs, stages, what changed between two runs, and
the one line people read. Pure.

A run is what `netmon conference check -o json` prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

Row = dict[str, Any]


class RunResult(TypedDict):
    """One run, as `netmon conference check -o json` prints it, a child tells it to its hub, and the hub keeps it. `rooms` and
    `causes` as docs/conference.md has them; `summary`: rooms by state."""

    rooms: list[Row]
    causes: list[Row]
    summary: dict[str, int]
    conference: NotRequired[str]
    name: NotRequired[str]
    starts: NotRequired[str]
    at: NotRequired[str]
    took_s: NotRequired[float]
    trunks: NotRequired[list[Row]]
    ports: NotRequired[list[Row]]
    light: NotRequired[bool]  # rooms were asked, and not called
    stage: NotRequired[str]  # of the hub: which of its rehearsals
    failed: NotRequired[str]  # of the hub: why it could not be made, "" else


STATES = {
    "ready": {"vi": "sẵn sàng", "en": "ready"},
    "risk": {"vi": "có rủi ro", "en": "at risk"},
    "not_ready": {"vi": "CHƯA SẴN SÀNG", "en": "NOT READY"},
    "not_measured": {"vi": "chưa đo được", "en": "not measured"},
}
RUNGS = {
    "port": {"vi": "cổng", "en": "port"},
    "tls": {"vi": "chứng thư (TLS)", "en": "certificate (TLS)"},
    "signalling": {"vi": "báo hiệu", "en": "signalling"},
    "alias": {"vi": "tên phòng", "en": "alias"},
    "call": {"vi": "cuộc gọi", "en": "call"},
    "media": {"vi": "tiếng và hình hai chiều", "en": "media both ways"},
    "quality": {"vi": "chất lượng đường truyền", "en": "quality of the link"},
    "name": {"vi": "tên miền", "en": "name"},
    "address": {"vi": "địa chỉ", "en": "address"},
}
HEAVY = ("call", "media", "quality")  # rungs that a run which only asks does not climb
_GOOD = ("ready", "risk")
_WORST_FIRST = ("not_ready", "not_measured", "risk", "ready")
_LINES = {
    "vi": {
        "all": "Hội nghị {name}, {stage}: tất cả {many} phòng sẵn sàng",
        "some": "Hội nghị {name}, {stage}: {bad}/{many} phòng chưa sẵn sàng (mới hỏng {worse}, đã xong {better})",
        "failed": "Hội nghị {name}, {stage}: KHÔNG TỔNG DUYỆT ĐƯỢC ({failed})",
        "risk": ", {risk} có rủi ro",
        "cause": "; gọi trước: {owner}, {cause} ({rooms} phòng)",
    },
    "en": {
        "all": "Conference {name}, {stage}: all {many} rooms are ready",
        "some": "Conference {name}, {stage}: {bad} of {many} rooms not ready ({worse} got worse, {better} got better)",
        "failed": "Conference {name}, {stage}: COULD NOT BE REHEARSED ({failed})",
        "risk": ", {risk} at risk",
        "cause": "; call first: {owner}, {cause} ({rooms} rooms)",
    },
}


def stage_name(lead_s: float) -> str:
    """`T-24h`, `T-60min`, `T-5s`: how long before the start."""
    if lead_s >= 7200 and lead_s % 3600 == 0:
        return f"T-{lead_s / 3600:g}h"
    return f"T-{lead_s / 60:g}min" if lead_s >= 60 and lead_s % 60 == 0 else f"T-{lead_s:g}s"


def parse(raw: bytes) -> RunResult:
    """A run from its JSON; raises ValueError for what is none."""
    try:
        run = json.loads(raw)
    except RecursionError:
        raise ValueError("not the JSON of a run") from None
    if not isinstance(run, dict) or not isinstance(run.get("rooms"), list):
        raise ValueError("not the JSON of a run")
    for key, kind in (("causes", list), ("summary", dict)):
        if not isinstance(run.setdefault(key, kind()), kind):
            raise ValueError(f"{key} of the run is no {kind.__name__}")
    if not all(isinstance(cause, dict) and isinstance(cause.get("rooms"), list) for cause in run["causes"]):
        raise ValueError("a cause of the run names no rooms")
    texts = ("room", "name", "state", "rung")
    for row in run["rooms"]:
        good = isinstance(row, dict) and all(isinstance(row.get(key), str) for key in texts)
        if not good or row["state"] not in STATES or (row["rung"] and row["rung"] not in RUNGS):
            raise ValueError("a room of the run has no state that is known")
    return cast(RunResult, run)


def is_good(row: Mapping[str, Any]) -> bool:
    """Can the room take part: ready, or at risk."""
    return row["state"] in _GOOD


def counted(rooms: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rooms by state."""
    states = [row["state"] for row in rooms]
    return {state: states.count(state) for state in STATES}


def delta(before: RunResult | None, now: RunResult) -> Row:
    """What changed between two runs: rooms that got worse, better, and those still not ready."""
    was = {row["room"]: row for row in before["rooms"]} if before else {}
    worse, better, still = [], [], []
    for row in now["rooms"]:
        old = was.get(row["room"])
        good, was_good = is_good(row), old is None or is_good(old)
        if not good and was_good:
            worse.append(row)
        elif good and not was_good:
            better.append(row)
        elif not good:
            still.append(row)
    return {"first": before is None, "worse": worse, "better": better, "still": still}


def carried(before: RunResult | None, now: RunResult) -> RunResult:
    """A run with what it could not see: a room whose call, media or quality did not hold before is no better because
    nobody called it (the run is `light`, or the room `asked_only`). Such rows keep `as_of`, when they were measured."""
    was = {row["room"]: row for row in before["rooms"]} if before else {}
    rooms, kept = list[Row](), set[str]()
    for row in now["rooms"]:
        old = was.get(row["room"])
        only_asked = now.get("light") or row.get("asked_only")
        if old is not None and only_asked and _is_unseen(old, row):
            kept.add(row["room"])
            rooms.append({**old, "as_of": old.get("as_of", before.get("at", "") if before else "")})
        else:
            rooms.append(row)
    causes = list(now["causes"])
    for cause in before["causes"] if before else ():
        if cause.get("rung") in HEAVY and kept.issuperset(cause.get("rooms", ())):
            causes.append(cause)
    rooms.sort(key=lambda row: _WORST_FIRST.index(row["state"]))
    return {**now, "rooms": rooms, "causes": causes, "summary": counted(rooms)}


def _is_unseen(old: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if not is_good(row):
        return False
    return old["rung"] in HEAVY if not is_good(old) else old["state"] == "risk" and row["state"] == "ready"


def line(
    lang: str, name: str, stage: str, run: Mapping[str, Any], change: Mapping[str, Sequence[Any]], failed: str = ""
) -> str:
    """What a run found, in one line."""
    words, many = _LINES[lang], counted(run["rooms"])
    bad = many["not_ready"] + many["not_measured"]
    kind = "failed" if failed else "some" if bad else "all"
    figures = {"worse": len(change["worse"]), "better": len(change["better"]), "many": len(run["rooms"]), "bad": bad}
    sentence = words[kind].format(name=name, stage=stage, failed=failed, **figures)
    if many["risk"] and not failed:
        sentence += words["risk"].format(risk=many["risk"])
    for cause in run["causes"][:1] if bad else ():
        owner, rooms = cause.get("owner") or cause.get("carrier", ""), len(cause.get("rooms", ()))
        sentence += words["cause"].format(owner=owner, cause=cause.get("name", ""), rooms=rooms)
    return sentence
