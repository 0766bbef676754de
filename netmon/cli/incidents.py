"""`netmon incidents`: what is broken, and what was in the last 24 hours."""

from __future__ import annotations

import argparse
import time
from typing import Any

from netmon import zone
from netmon.cli import hub_access, output
from netmon.errors import GOOD

Row = dict[str, Any]
_HEADS = {
    "vi": ("Mã", "Trạng thái", "Mức", "Phần tử", "Từ", "Kéo dài", "Ảnh hưởng", "Nội dung"),
    "en": ("Id", "State", "Severity", "Element", "Since", "Lasted", "Symptoms", "What"),
}
_STATES = {
    "vi": {"open": "ĐANG XẢY RA", "resolved": "đã xong", "acked": "đã nhận", "silenced": "im lặng"},
    "en": {"open": "OPEN", "resolved": "resolved", "acked": "acked", "silenced": "silenced"},
}
_NONE = {"vi": "Không có sự cố trong 24 giờ qua.", "en": "No incident in the last 24 hours."}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    hub_access.arguments(parser)
    parser.add_argument("--open", action="store_true", help="only those that are not over")
    output.argument(parser, "json", "jsonl")


def run(args: argparse.Namespace) -> int:
    """Open ones first, then those closed in the last 24 hours."""
    rows = list(hub_access.client(args).get("/api/v1/incidents")["incidents"])
    rows = [row for row in rows if row["state"] == "open" or not args.open]
    if not output.print_rows(rows, args.output):
        lang = args.lang or "vi"
        output.print_table(_HEADS[lang], [cells(row, lang, time.time()) for row in rows], args, _NONE)
    return GOOD


def cells(row: Row, lang: str, now_s: float) -> tuple[str, ...]:
    """One incident as a table shows it; all text cleaned."""
    words = _STATES[lang]
    state = words[row["state"]]
    if row["state"] == "open" and row["acked_by"]:
        state += f", {words['acked']} {row['acked_by']}"
    if row["silenced"]:
        state += f", {words['silenced']}"
    end_s = (row["resolved_ms"] or now_s * 1000) / 1000
    began_s = row["opened_ms"] / 1000
    since, lasted = zone.moment(began_s, zone.SHORT), output.span(end_s - began_s)
    plain = (row["id"], state, row["severity"], row["element"], since, lasted, row["symptom_count"])
    return output.cells((*plain, row[lang]))
