"""`netmon silence`: no pages for an element and what is behind it, for a time."""

from __future__ import annotations

import argparse
import time
from typing import Any

from netmon.cli import hub_access, output
from netmon.cli.times import moment, seconds
from netmon.errors import GOOD, USAGE, NetmonError
from netmon.hub_client import element_path

MAX_S = 90 * 86_400  # as the hub has it
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
    parser.add_argument(
        "element", nargs="?", metavar="ELEMENT", help="as link:core-province, commune:26734 or 'link:p79-*'"
    )
    for name, text in (
        ("kind", "only incidents of this kind"),
        ("owner", "only of this owner"),
        ("carrier", "only of this carrier"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], metavar=name.upper(), help=text)
    parser.add_argument(
        "--from", dest="from_s", type=moment, metavar="TIME", help="from then on, as 2026-12-24T22:00 in Viet Nam"
    )
    parser.add_argument(
        "--every", dest="every_s", type=seconds, metavar="7d", help="again after so long, each time as long as --for"
    )
    parser.add_argument("--until", dest="until_s", type=moment, metavar="TIME", help="the end of what comes again")
    parser.add_argument("--for", dest="for_s", type=seconds, metavar="2h", help="how long: 30m, 2h, 1d")
    parser.add_argument("--note", default="", help="why")
    parser.add_argument("--who", default="", help="your name (default: the user of this machine)")
    parser.add_argument("--list", action="store_true", help="what is silenced now")
    parser.add_argument("--remove", metavar="ID", help="end a silence now")
    output.argument(parser, "json", "jsonl")
    hub_access.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """One of three: silence an element, list, remove."""
    wanted = args.element is not None or bool(args.kind or args.owner or args.carrier)
    if sum((wanted, args.list, args.remove is not None)) != 1:
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
        if (args.every_s is None) != (args.until_s is None):
            raise BadWords("netmon silence --every needs --until, and --until needs --every")
        print(hub.post("/api/v1/silences", _body(args))["id"])
    return GOOD


def _body(args: argparse.Namespace) -> dict[str, Any]:
    body = {"element": args.element or "", "for_s": args.for_s, "who": args.who or hub_access.user(), "note": args.note}
    more = {"kinds": args.kind, "owners": args.owner, "carriers": args.carrier}
    more |= {"from_s": args.from_s, "every_s": args.every_s, "until_s": args.until_s}
    return body | {name: value for name, value in more.items() if value}


def _list(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    if not output.print_rows(rows, args.output):
        now_s = time.time()
        table = [output.cells((row["id"], _whom(row), _left(row, now_s), row["who"], row["note"])) for row in rows]
        output.print_table(_HEADS[args.lang or "vi"], table, args, _NONE)


def _whom(row: dict[str, Any]) -> str:
    """The element, and what more it is about."""
    terms = [
        f"{name[:-1]}={' '.join(map(str, row.get(name) or ()))}"
        for name in ("kinds", "owners", "carriers")
        if row.get(name)
    ]
    return " ".join([str(row["element"]) or "*", *terms])


def _left(row: dict[str, Any], now_s: float) -> str:
    """How long it goes on; of one that is to come, from when on (`+2h`)."""
    begins_s = float(str(row.get("from_ms", 0))) / 1000 - now_s
    if begins_s > 0:
        return f"+{output.span(begins_s)}"
    return output.span(float(str(row["until_ms"])) / 1000 - now_s)
