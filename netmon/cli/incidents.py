"""`netmon incidents`: what is broken, and what was in the last 24 hours."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from netmon import zone
from netmon.errors import GOOD, MachineError, plain_words
from netmon.hub_client import DEFAULT_SOCKET, HubClient, token_from
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
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def hub_arguments(parser: argparse.ArgumentParser) -> None:
    """How to reach the hub: the same words as `netmon console`."""
    parser.add_argument(
        "--hub", default=DEFAULT_SOCKET, metavar="SOCKET|URL", help="local socket of the hub, or https://host:port"
    )
    parser.add_argument("--token-file", default="", help="file with a read token (for a URL)")
    parser.add_argument("--ca", default="", help="the hub's ca.pem (for a URL)")


def client(args: argparse.Namespace) -> HubClient:
    """The hub the arguments name. Raises `MachineError` when the token cannot be read."""
    try:
        return HubClient(args.hub, token_from(args.token_file), args.ca)
    except (OSError, ValueError) as fault:
        raise MachineError(f"{args.token_file}: {plain_words(fault)}") from fault


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    hub_arguments(parser)
    parser.add_argument("--open", action="store_true", help="only those that are not over")
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table")


def run(args: argparse.Namespace) -> int:
    """Open ones first, then those closed in the last 24 hours."""
    rows = list(client(args).get("/api/v1/incidents")["incidents"])
    rows = [row for row in rows if row["state"] == "open" or not args.open]
    if not told_as_data(rows, args):
        show(_HEADS[args.lang or "vi"], [cells(row, args.lang or "vi", time.time()) for row in rows], args, _NONE)
    return GOOD


def told_as_data(rows: list[Row], args: argparse.Namespace) -> bool:
    """Print rows as JSON when that was asked for; was it?"""
    if args.output == "json":
        print(json.dumps(rows, ensure_ascii=False))
    elif args.output == "jsonl":
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    return str(args.output) != "table"


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
    since = zone.moment(began_s, zone.SHORT)
    plain = (row["id"], state, row["severity"], row["element"], since, span(end_s - began_s), row["symptom_count"])
    return tuple(clean(str(one), 300) for one in (*plain, row[lang]))


def span(seconds: float) -> str:
    """`2h 5m`: the two largest units."""
    left, parts = int(max(0.0, seconds)), list[str]()
    for size, unit in _SPANS:
        many, left = divmod(left, size)
        if many:
            parts.append(f"{many}{unit}")
    return " ".join(parts[:2]) or "0s"


def show(heads: Sequence[str], rows: Sequence[Sequence[str]], args: argparse.Namespace, none: dict[str, str]) -> None:
    """A table: drawn on a terminal, else columns parted by tabs."""
    if not rows:
        print(none[args.lang or "vi"], file=sys.stderr)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: never markup of somebody else
    Console(no_color=args.no_color or None).print(table)
