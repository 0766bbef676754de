"""The board of one conference: countdown, figures, rooms that are not ready, and what breaks while it goes on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netmon import zone
from netmon.console.paint import ScreenLine, cell, line, row
from netmon.console.words import clock, span
from netmon.readiness import RUNGS, STATES, is_good

STALE_S = 15.0
_STYLES = {"not_ready": "bad", "not_measured": "warn", "risk": "warn", "ready": "good"}
_WORDS: dict[str, tuple[str, str]] = {
    "before": ("còn {span}", "starts in {span}"),
    "live": ("ĐANG HỌP, đã {span}, còn {left}", "ON NOW for {span}, {left} left"),
    "over": ("đã kết thúc {span} trước", "ended {span} ago"),
    "last": ("Tổng duyệt {stage} lúc {at}", "Rehearsal {stage} at {at}"),
    "changed": ("mới hỏng {worse}, đã xong {better}", "{worse} got worse, {better} got better"),
    "light": ("chỉ hỏi, không gọi", "asked only, no calls"),
    "failed": ("KHÔNG TỔNG DUYỆT ĐƯỢC: {why}", "COULD NOT BE REHEARSED: {why}"),
    "never": ("Chưa tổng duyệt lần nào", "Not rehearsed yet"),
    "running": ("đang tổng duyệt {stage}", "rehearsal {stage} under way"),
    "next": ("lần tới {stage} sau {span}", "next: {stage} in {span}"),
    "rooms": ("PHÒNG CHƯA SẴN SÀNG HOẶC CÓ RỦI RO", "ROOMS NOT READY OR AT RISK"),
    "all": ("Tất cả các phòng sẵn sàng", "All rooms are ready"),
    "incidents": ("SỰ CỐ TRÊN ĐƯỜNG CỦA CÁC PHÒNG", "INCIDENTS ON THE WAY OF ROOMS"),
    "calm": ("Không có sự cố nào trên đường của các phòng", "No incident on the way of any room"),
    "touched": ("{many} phòng", "{many} rooms"),
    "more": ("còn {many} dòng", "{many} more"),
    "keys": ("l English  q thoát", "l tiếng Việt  q quit"),
    "no_hub": ("KHÔNG THẤY TRUNG TÂM", "NO ANSWER FROM THE HUB"),
    "age": ("dữ liệu {span} trước", "data {span} ago"),
}


@dataclass(slots=True)
class Board:
    """What is known: the hub's row of the conference (`/live`), its last result, when the hub spoke last, why not."""

    row: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    heard_s: float = 0.0
    fault: str = ""


def say(key: str, lang: str, **values: object) -> str:
    """The words of `key`."""
    return _WORDS[key][lang == "en"].format(**values)


def render(board: Board, lang: str, width: int, height: int, now_s: float) -> list[ScreenLine]:
    """A whole screen: exactly `height` lines, each exactly `width` cells."""
    height = max(1, height)
    head = [_header(board, lang, width, now_s), *_figures(board, lang, width, now_s), line("", width)]
    left = max(0, height - len(head) - 1)
    incidents = _incidents(board, lang, width) if board.row.get("state") == "live" or board.row.get("incidents") else []
    shown = _cut(incidents, left // 2, lang, width)
    body = [*shown, *_cut(_rooms(board, lang, width), left - len(shown), lang, width)]
    body += [line("", width)] * (left - len(body))
    return [*head, *body, line(say("keys", lang), width, "dim")][:height]


def moment(board: Board, lang: str, now_s: float) -> str:
    """How long until it starts, how long it goes on, or how long it is over."""
    starts_s, ends_s = board.row["starts_ms"] / 1000, board.row["ends_ms"] / 1000
    if now_s < starts_s:
        return say("before", lang, span=span(starts_s - now_s))
    if now_s < ends_s:
        return say("live", lang, span=span(now_s - starts_s), left=span(ends_s - now_s))
    return say("over", lang, span=span(now_s - ends_s))


def _header(board: Board, lang: str, width: int, now_s: float) -> ScreenLine:
    age_s = now_s - board.heard_s
    stale = bool(board.fault) or age_s > STALE_S
    right = say("no_hub", lang) if board.fault else say("age", lang, span=span(age_s))
    right = f" {right}  {clock(int(now_s * 1000))} {zone.NAME} "
    left = ""
    if board.row:
        left = f" {board.row['name'] or board.row['id']}  {moment(board, lang, now_s)}"
    style = "stale" if stale else "bar"
    return [cell(left, max(0, width - len(right)), style), cell(right, min(width, len(right)), style)]


def _figures(board: Board, lang: str, width: int, now_s: float) -> list[ScreenLine]:
    if not board.row:
        return []
    last = board.row["last"]
    if last is None:
        summary, figures = say("never", lang), line("", width)
    elif last["failed"]:
        summary, figures = say("last", lang, stage=last["stage"], at=clock(last["at_ms"])), line("", width)
        figures = line("  " + say("failed", lang, why=last["failed"]), width, "bad")
    else:
        summary = say("last", lang, stage=last["stage"], at=clock(last["at_ms"]))
        changes = say("changed", lang, worse=last["worse_count"], better=last["better_count"])
        summary = "  ".join(filter(None, (summary, changes, say("light", lang) if last["light"] else "")))
        figures = _counts(last["summary"], lang, width)
    return [line(f"  {summary}  {_coming(board, lang, now_s)}", width), figures]


def _coming(board: Board, lang: str, now_s: float) -> str:
    if board.row["running"]:
        return say("running", lang, stage=board.row["running"])
    coming = board.row["next"]
    if coming is None:
        return ""
    return say("next", lang, stage=coming["stage"], span=span(coming["at_ms"] / 1000 - now_s))


def _counts(summary: Mapping[str, int], lang: str, width: int) -> ScreenLine:
    cells = [
        cell(f"{summary.get(state, 0)} {STATES[state][lang]}  ", 24, _STYLES[state] if summary.get(state) else "dim")
        for state in STATES
    ]
    return row(cells, width)


def _rooms(board: Board, lang: str, width: int) -> list[ScreenLine]:
    if board.result is None or board.result.get("failed"):
        return []
    rooms = [room for room in board.result["rooms"] if room["state"] != "ready"]
    if not rooms:
        return [line("  " + say("all", lang), width, "good")]
    return [line("  " + say("rooms", lang), width, "title"), *(_room(room, lang, width) for room in rooms)]


def _room(room: Mapping[str, Any], lang: str, width: int) -> ScreenLine:
    call = " ".join(filter(None, (room.get("contact", ""), room.get("phone", ""))))
    rung = RUNGS[room["rung"]][lang] if room["rung"] else ""
    text = room.get("why", "") if is_good(room) else f"{room.get('why', '')}  {room.get('do', '')}"
    cells = [
        cell(STATES[room["state"]][lang], 15, _STYLES[room["state"]]),
        cell(room["name"] or room["room"], 26),
        cell(rung, 24),
        cell(room.get("owner", ""), 20),
        cell(call, 24, "dim"),
        cell(text, max(0, width - 111)),
    ]
    return row(cells, width)


def _incidents(board: Board, lang: str, width: int) -> list[ScreenLine]:
    incidents = board.row.get("incidents", ())
    if not incidents:
        return [line("  " + say("calm", lang), width, "good"), line("", width)]
    lines = [line("  " + say("incidents", lang), width, "title")]
    for incident in incidents:
        at, touched = clock(incident["opened_ms"]), say("touched", lang, many=len(incident["rooms"]))
        cells = [cell(at, 9, "dim"), cell(touched, 12, "bad"), cell(incident[lang], max(0, width - 23))]
        lines.append(row(cells, width))
    return [*lines, line("", width)]


def _cut(lines: list[ScreenLine], max_lines: int, lang: str, width: int) -> list[ScreenLine]:
    """At most so many; what is left out is counted."""
    if len(lines) <= max_lines:
        return lines
    if max_lines < 1:
        return []
    return [*lines[: max_lines - 1], line("  " + say("more", lang, many=len(lines) - max_lines + 1), width, "dim")]
