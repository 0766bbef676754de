"""`netmon conference list`: the conferences a hub knows, what their last rehearsal found, and when the next one is."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from netmon import zone
from netmon.cli import hub_access, output
from netmon.errors import GOOD

_HEADS = {
    "vi": ("Trạng thái", "Mã", "Hội nghị", "Bắt đầu", "Phòng", "Tổng duyệt gần nhất", "Lần tới"),
    "en": ("State", "Id", "Conference", "Starts", "Rooms", "Last rehearsal", "Next"),
}
_STATES = {
    "vi": {"upcoming": "sắp họp", "live": "ĐANG HỌP", "over": "đã xong"},
    "en": {"upcoming": "to come", "live": "ON NOW", "over": "over"},
}
_LAST = {
    "vi": "{stage}: {good} sẵn sàng, {bad} chưa",
    "en": "{stage}: {good} ready, {bad} not",
}
_FAILED = {"vi": "{stage}: không đo được", "en": "{stage}: could not be made"}
_NEXT = {"vi": "{stage} sau {span}", "en": "{stage} in {span}"}
_RUNNING = {"vi": "đang tổng duyệt {stage}", "en": "{stage} under way"}
_NONE = {"vi": "Danh mục chưa có hội nghị nào.", "en": "The inventory has no conference."}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    hub_access.arguments(parser)
    output.argument(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Those that go on first, then those to come."""
    conferences = hub_access.client(args).get("/api/v1/conferences")["conferences"]
    if not output.print_rows(conferences, args.output):
        lang = args.lang or "vi"
        output.print_table(_HEADS[lang], [cells(row, lang, time.time()) for row in conferences], args, _NONE)
    return GOOD


def cells(row: Mapping[str, Any], lang: str, now_s: float) -> tuple[str, ...]:
    """One conference as the table shows it; all text cleaned."""
    starts = zone.moment(row["starts_ms"] / 1000, zone.MINUTES)
    plain = (_STATES[lang][row["state"]], row["id"], row["name"], starts, row["rooms"], last(row, lang))
    return output.cells((*plain, coming(row, lang, now_s)), 120)


def last(row: Mapping[str, Any], lang: str) -> str:
    """What the last rehearsal found, "" before the first."""
    rehearsal = row["last"]
    if rehearsal is None:
        return ""
    many = rehearsal["summary"]
    good, bad = many["ready"] + many["risk"], many["not_ready"] + many["not_measured"]
    return (_FAILED if rehearsal["failed"] else _LAST)[lang].format(stage=rehearsal["stage"], good=good, bad=bad)


def coming(row: Mapping[str, Any], lang: str, now_s: float) -> str:
    """The rehearsal that is under way or comes next, "" for none."""
    if row["running"]:
        return _RUNNING[lang].format(stage=row["running"])
    if row["next"] is None:
        return ""
    return _NEXT[lang].format(stage=row["next"]["stage"], span=output.span(row["next"]["at_ms"] / 1000 - now_s))
