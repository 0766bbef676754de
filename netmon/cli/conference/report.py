"""`netmon conference report`: after a conference, room by room and province by province, from its hub on this machine."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inventory.model import Conference
from netmon import zone
from netmon.cli import output
from netmon.cli.conference import plan as plan_verb
from netmon.config.files import load_hub
from netmon.errors import GOOD, PROBLEM, HubUnreachable, Problem, UsageError
from netmon.hub_client import HubClient, element_path
from netmon.readiness import STATES
from probes.clean import clean

Row = dict[str, Any]
SEALED_S = 900  # points this old are sealed: a hub seals each 10 minutes
DEFAULT_CONFIG = "/etc/netmon/hub.yaml"
_HEADS = {
    "vi": ("Tỉnh", "Phòng", "Sẵn sàng", "Có đo", "Có lỗi", "Phút lỗi", "Mất gói", "p95 xấu nhất", "Sự cố"),
    "en": ("Province", "Rooms", "Ready", "Measured", "Failed", "Bad minutes", "Loss", "Worst p95", "Incidents"),
}
_ROOM_HEADS = {
    "vi": ("Tỉnh", "Phòng", "Tổng duyệt", "Phút lỗi", "Mất gói", "p95 xấu nhất", "Sự cố"),
    "en": ("Province", "Room", "Rehearsals", "Bad minutes", "Loss", "Worst p95", "Incidents"),
}
_COLUMNS = (
    "room", "name", "province", "commune", "owner", "last_stage", "last_state", "last_rung", "minutes_measured",
    "minutes_failed", "loss", "rtt_p95_worst_ms", "incidents",
)  # fmt: skip
_WORDS: dict[str, tuple[str, str]] = {
    "none": ("Hội nghị này không có phòng nào.", "This conference has no room."),
    "unmeasured": ("chưa đo", "not measured"),
    "all": ("{many} phòng khác: không lỗi nào.", "{many} other rooms: nothing failed."),
    "blind": (
        "{many} phòng không có phép đo nào trong thời gian họp: không biết đường của chúng ra sao.",
        "{many} rooms had no check while it went on: nobody knows how their links did.",
    ),
    "stages": (
        "Trung tâm không trả lời: không biết các lần tổng duyệt.",
        "The hub did not answer: rehearsals unknown.",
    ),
    "incidents": (
        "Không biết hết sự cố: trung tâm không trả lời, hoặc đã tắt khi hội nghị kết thúc.",
        "Not all incidents are known: the hub does not answer, or was away when it ended.",
    ),
    "early": (
        "Số liệu những phút cuối chưa đủ: chạy lại sau {at}.",
        "Figures of the last minutes may be missing: run it again after {at}.",
    ),
    "head": ("{name}: {from_} – {until}, {minutes} phút", "{name}: {from_} – {until}, {minutes} minutes"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    parser.add_argument("conference", metavar="CONFERENCE", help="its id in the inventory, or its name")
    parser.add_argument(
        "--config", type=Path, default=Path(DEFAULT_CONFIG), metavar="FILE",
        help=f"the hub's file, which says where inventory, store and socket are (default {DEFAULT_CONFIG})",
    )  # fmt: skip
    parser.add_argument("--rooms", action="store_true", help="every room, also those of which nothing failed")
    parser.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table")


def run(args: argparse.Namespace) -> int:
    """1 when something failed while it went on, else 0."""
    from netmon.report import conference as conference_report
    from netmon.store.figures import figures

    config, now_s = load_hub(args.config), time.time()
    args.inventory = config.inventory
    network, conference = plan_verb.find(args)
    if now_s < conference.starts.at_s:
        what = f"conference {conference.id} has not started ({conference.starts})"
        raise UsageError([Problem("command line", "", what, "netmon conference watch shows how it stands")])
    start_ms, end_ms = (round(moment.at_s * 1000) for moment in (conference.starts, conference.ends))
    known = figures(
        Path(config.state_dir) / "store", conference_report.KINDS, start_ms, min(end_ms, round(now_s * 1000))
    )
    stages, incidents = _asked(config.socket or str(Path(config.state_dir) / "hub.sock"), conference)
    whole = conference_report.report(network, conference, known, stages, incidents, round(now_s * 1000))
    whole["complete"] = now_s >= conference.ends.at_s + SEALED_S
    _PRINT[args.output](whole, args)
    return PROBLEM if any(row.get("minutes_failed") or row["incidents"] for row in whole["rooms"]) else GOOD


def _asked(socket: str, conference: Conference) -> tuple[list[Row] | None, list[Row] | None]:
    """Rehearsals and incidents as the hub tells them; None each when nobody answers."""
    client = HubClient(socket)
    try:
        stages = client.get(f"/api/v1/conferences/{element_path(conference.id)}/stages")["stages"]
        return stages, client.get("/api/v1/incidents")["incidents"]
    except HubUnreachable:
        return None, None


def _json(whole: Row, args: argparse.Namespace) -> None:
    output.print_json(whole)


def _csv(whole: Row, args: argparse.Namespace) -> None:
    output.print_csv(_COLUMNS, map(_sheet_row, whole["rooms"]))


def _sheet_row(row: Row) -> Row:
    stage, state = _last(row)
    last = {"last_stage": stage, "last_state": state.get("state", ""), "last_rung": state.get("rung", "")}
    return {**dict.fromkeys(_COLUMNS, ""), **row, **last, "incidents": " ".join(row["incidents"])}


def _last(row: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    stages = list(row["stages"].items())
    return stages[-1] if stages else ("", {})


def _table(whole: Row, args: argparse.Namespace) -> None:
    lang = args.lang or "vi"
    span = [zone.moment(whole[key] / 1000, zone.MINUTES) for key in ("starts_ms", "until_ms")]
    name = clean(whole["name"] or whole["conference"], 100)
    _note("head", lang, name=name, from_=span[0], until=span[1], minutes=whole["minutes"])
    none = {language: _WORDS["none"][language == "en"] for language in ("vi", "en")}
    output.print_table(_HEADS[lang], [_province(row, lang) for row in whole["provinces"]], args, none)
    shown = [row for row in whole["rooms"] if args.rooms or _deserves(row)]
    if shown:
        print()
        output.print_table(_ROOM_HEADS[lang], [_room(row, lang) for row in shown], args, none)
    for incident in whole["incidents"]:
        print(clean(f"→ {incident['id']}: {incident[lang]}", 300))
    _notes(whole, len(whole["rooms"]) - len(shown), lang)


def _notes(whole: Row, others: int, lang: str) -> None:
    """What the figures do not say by themselves."""
    blind = sum(not row["minutes_measured"] for row in whole["rooms"])
    if others:
        _note("all", lang, many=others)
    if blind:
        _note("blind", lang, many=blind)
    for key, known in (("stages", whole["stages_known"]), ("incidents", whole["incidents_known"])):
        if not known:
            _note(key, lang)
    if not whole["complete"]:
        at = zone.moment(whole["ends_ms"] / 1000 + SEALED_S, zone.MINUTES)
        _note("early", lang, at=at)


def _note(key: str, lang: str, **values: object) -> None:
    print(_WORDS[key][lang == "en"].format(**values), file=sys.stderr)


def _deserves(row: Mapping[str, Any]) -> bool:
    bad = _last(row)[1].get("state") in ("not_ready", "not_measured")
    return bool(bad or row.get("minutes_failed") or row["incidents"] or not row["minutes_measured"])


def _province(row: Mapping[str, Any], lang: str) -> tuple[str, ...]:
    ready = f"{row['rooms_ready']}/{row['rooms_rehearsed']}" if row["rooms_rehearsed"] else ""
    counts = row["rooms"], ready, row["rooms_measured"], row["rooms_that_failed"], row["minutes_failed"]
    return output.cells((row["province"] or "–", *counts, *_figures(row), row["incidents"]), 60)


def _room(row: Mapping[str, Any], lang: str) -> tuple[str, ...]:
    stages = ", ".join(f"{stage} {STATES[result['state']][lang]}" for stage, result in row["stages"].items())
    minutes = _WORDS["unmeasured"][lang == "en"]
    if row["minutes_measured"]:
        minutes = f"{row['minutes_failed']}/{row['minutes_measured']}"
    incidents = " ".join(row["incidents"])
    return output.cells((row["province"], row["name"], stages, minutes, *_figures(row), incidents), 160)


def _figures(row: Mapping[str, Any]) -> Sequence[str]:
    loss = f"{row['loss']:.2%}" if "loss" in row else ""
    return loss, f"{row['rtt_p95_worst_ms']:.1f} ms" if "rtt_p95_worst_ms" in row else ""


_PRINT = {"json": _json, "csv": _csv, "table": _table}
