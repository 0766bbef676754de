"""`netmon silence`: no pages for an element and what is behind it, for a time."""

from __future__ import annotations

import argparse
import re
import time
from typing import Any

from netmon.cli import hub_access, output
from netmon.errors import GOOD, USAGE, NetmonError
from netmon.hub_client import element_path

MAX_S = 90 * 86_400  # as the hub has it
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_HEADS = {
    "vi": ("Mã", "Phần tử", "Còn lại", "Ai", "Ghi chú"),
    "en": ("Id", "Element", "Left", "Who", "Note"),
}
_NONE = {"vi": "Không có khoảng im lặng nào.", "en": "Nothing is silenced."}


class BadWords(NetmonError):
    """The command cannot be meant like this."""

    exit_code = USAGE


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("element", nargs="?", metavar="ELEMENT", help="as link:core-province or commune:26734")
    parser.add_argument("--for", dest="for_s", type=seconds, metavar="2h", help="how long: 30m, 2h, 1d")
    parser.add_argument("--note", default="", help="why")
    parser.add_argument("--who", default="", help="your name (default: the user of this machine)")
    parser.add_argument("--list", action="store_true", help="what is silenced now")
    parser.add_argument("--remove", metavar="ID", help="end a silence now")
    output.argument(parser, "json", "jsonl")
    hub_access.arguments(parser)


def seconds(text: str) -> float:
    """`90s`, `30m`, `2h`, `1d`, `1h30m` in seconds."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time (write 30m, 2h or 1d)")
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))


def run(args: argparse.Namespace) -> int:
    """One of three: silence an element, list, remove."""
    if sum((args.element is not None, args.list, args.remove is not None)) != 1:
        raise BadWords("netmon silence needs an ELEMENT, or --list, or --remove ID")
    hub = hub_access.client(args)
    if args.list:
        _list(args, hub.get("/api/v1/silences")["silences"])
    elif args.remove is not None:
        hub.delete(f"/api/v1/silences/{element_path(args.remove)}")
        print(args.remove)
    else:
        if args.for_s is None:
            raise BadWords("netmon silence ELEMENT needs --for (as --for 2h)")
        if args.for_s > MAX_S:
            raise BadWords(f"netmon silence --for: {args.for_s:g} s is longer than {MAX_S // 86_400}d")
        body = {"element": args.element, "for_s": args.for_s, "who": args.who or hub_access.user(), "note": args.note}
        print(hub.post("/api/v1/silences", body)["id"])
    return GOOD


def _list(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    if not output.print_rows(rows, args.output):
        now_s = time.time()
        table = [output.cells((row["id"], row["element"], _left(row, now_s), row["who"], row["note"])) for row in rows]
        output.print_table(_HEADS[args.lang or "vi"], table, args, _NONE)


def _left(row: dict[str, Any], now_s: float) -> str:
    return output.span(float(str(row["until_ms"])) / 1000 - now_s)
