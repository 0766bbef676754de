"""`netmon conference watch`: the live board of one conference, from what its hub knows. Nothing is measured."""

from __future__ import annotations

import argparse
import time

from netmon.cli import hub_access, terminal
from netmon.errors import GOOD, MachineError


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    parser.add_argument("conference", metavar="CONFERENCE", help="its id in the hub's inventory")
    hub_access.arguments(parser)
    parser.add_argument("--once", action="store_true", help="print and exit")
    parser.add_argument(
        "-o", "--output", choices=("table", "jsonl"), default="table", help="jsonl: one line for each change"
    )


def run(args: argparse.Namespace) -> int:
    """Live on a terminal, once with --once, changes as JSON with -o jsonl."""
    from netmon.console.app import is_terminal
    from netmon.console.board import ConferenceWatch

    watch = ConferenceWatch(hub_access.client(args), args.conference, lang=args.lang or "vi", color=not args.no_color)
    if args.output == "jsonl":
        watch.changes(lambda text: print(text, flush=True), once=args.once)
    elif args.once:
        watch.ask(time.time())
        watch.once()
    elif is_terminal() and terminal.can_draw():
        watch.run()
    else:
        raise MachineError("the board needs a terminal (--once prints and exits, -o jsonl tells what changes)")
    return GOOD
