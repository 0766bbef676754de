"""`netmon incidents`: what is broken, and what was in the last 24 hours; one of them, and who does what about it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from netmon import zone
from netmon.cli import hub_access, output
from netmon.cli.parser import Parser
from netmon.cli.times import moment, seconds
from netmon.errors import GOOD
from netmon.hub_client import element_path
from probes.clean import clean

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
    words = parser.add_subparsers(metavar="WHAT", dest="what", parser_class=Parser)
    for name, (options, _, text) in _WORDS.items():
        word = words.add_parser(name, help=text, description=text)
        word.add_argument("id", metavar="ID", help="the incident, as `netmon incidents` shows it")
        options(word)
        hub_access.arguments(word, again=True)


def _prints(word: argparse.ArgumentParser) -> None:
    word.add_argument("-o", "--output", choices=("table", "json"), default=argparse.SUPPRESS)


def _task(word: argparse.ArgumentParser) -> None:
    for name, text in (
        ("to", "who does it"),
        ("task", "what is to be done"),
        ("result", "what must come out of it"),
        ("authority", "what they may decide by themselves"),
    ):
        word.add_argument(f"--{name}", required=True, metavar="TEXT", help=text)
    word.add_argument(
        "--by", required=True, type=_until, metavar="TIME", help="until when: 2h, or 2026-12-24T22:00 in Viet Nam"
    )
    word.add_argument("--responsible", default="", metavar="TEXT", help="who answers for it (default: who does it)")
    word.add_argument("--who", default="", help="your name (default: the user of this machine)")
    word.add_argument(
        "--seen", type=int, metavar="VERSION", help="refuse when the incident is another by now than this version of it"
    )


def _until(text: str) -> float:
    """A time to come in Unix seconds, said as it is or as how long from now."""
    return moment(text) if "T" in text else time.time() + seconds(text)


def run(args: argparse.Namespace) -> int:
    """One of the words; without any: open ones first, then those closed in the last 24 hours."""
    if args.what is not None:
        return _WORDS[args.what][1](args)
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


def _whole(args: argparse.Namespace, more: str = "") -> Row:
    """One incident with all that happened to it."""
    return dict(hub_access.client(args).get(f"/api/v1/incidents/{element_path(args.id)}{more}"))


def _show(args: argparse.Namespace) -> int:
    from netmon.cli import incidents_told as told

    row = _whole(args)
    if args.output == "json":
        output.print_json(row)
    else:
        print_lines(told.life(row, args.lang or "vi"))
    return GOOD


def _evidence(args: argparse.Namespace) -> int:
    from netmon.cli import incidents_told as told

    row = _whole(args, "/evidence")
    if args.output == "json":
        output.print_json(row)
    else:
        print_lines(told.evidence(row, args.lang or "vi"))
    return GOOD


def _part(word: argparse.ArgumentParser) -> None:
    word.add_argument(
        "--part", choices=("initial", "progress", "end"), default="initial", help="which of the three reports"
    )


def _report(args: argparse.Namespace) -> int:
    from netmon.cli import incidents_told as told

    print_lines(told.report(_whole(args, "/evidence"), args.part, int(time.time() * 1000), args.lang or "vi"))
    return GOOD


def print_lines(lines: list[str]) -> None:
    """Sentences; what others wrote into them is cleaned."""
    print("\n".join(clean(line, 1000) for line in lines))


def _assign(args: argparse.Namespace) -> int:
    body = {"who": args.who or hub_access.user(), "to": args.to, "task": args.task, "by_s": args.by}
    body |= {"responsible": args.responsible, "result": args.result, "authority": args.authority}
    body |= {"version": args.seen} if args.seen is not None else {}
    hub_access.client(args).post(f"/api/v1/incidents/{element_path(args.id)}/assign", body)
    print(args.id)
    return GOOD


_Options = Callable[[argparse.ArgumentParser], None]
_WORDS: dict[str, tuple[_Options, Callable[[argparse.Namespace], int], str]] = {
    "show": (_prints, _show, "one incident: in whose hands it is, and what happened to it when"),
    "evidence": (_prints, _evidence, "what was seen around it: who failed, who answered, since when; paths and interfaces"),
    "report": (_part, _report, "the initial, progress or final report of it, of facts only"),
    "assign": (_task, _assign, "give somebody a task: who, what, until when, who answers for it, what comes out, what they may decide"),
}  # fmt: skip
