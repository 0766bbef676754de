"""`netmon hub`: receive, judge, page, for ever; `netmon hub test-page`: try whether pages come through."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from netmon.cli import hub_access, output
from netmon.errors import GOOD, PROBLEM, USAGE, NetmonError

WAIT_S = 30.0  # for receivers to take a test page
_HEADS = {"vi": ("Nơi nhận", "Kết quả", "Chi tiết"), "en": ("Receiver", "State", "Detail")}
_NONE = {"vi": "Trung tâm này không có nơi nhận nào.", "en": "This hub has no receivers."}


class NoHubFile(NetmonError):
    """Nobody said which hub is to run."""

    exit_code = USAGE


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "what", nargs="?", choices=("test-page",), help="try whether pages come through to the hub's receivers"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the hub's file (hub.yaml)")
    parser.add_argument(
        "--receiver", action="append", default=[], metavar="NAME", help="only this receiver (test-page)"
    )
    output.argument(parser, "json", "jsonl")
    hub_access.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C; `test-page` until each receiver took its page, or half a minute is over."""
    if args.what == "test-page":
        return _test(args)
    if args.config is None:
        raise NoHubFile("netmon hub needs --config FILE")
    from netmon.hub import main
    from netmon.process import log

    log.setup(args.log)
    return main.run(args.config)


def _test(args: argparse.Namespace) -> int:
    hub = hub_access.client(args)
    rows = list(hub.post("/api/v1/test-pages", {"receivers": args.receiver})["pages"])
    until_s = time.monotonic() + WAIT_S
    while True:
        rows = [row | hub.get(f"/api/v1/pages/{row['id']}") for row in rows]
        if all(row["state"] != "waiting" for row in rows) or time.monotonic() > until_s:
            break
        time.sleep(0.2)
    _print(args, rows)
    return GOOD if all(row["state"] == "accepted" for row in rows) else PROBLEM


def _print(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    if not output.print_rows(rows, args.output):
        table = [output.cells((row["receiver"], row["state"], row["trouble"])) for row in rows]
        output.print_table(_HEADS[args.lang or "vi"], table, args, _NONE)
