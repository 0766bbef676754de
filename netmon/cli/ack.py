"""`netmon ack`: take an incident into your hands, or give it back."""

from __future__ import annotations

import argparse

from netmon.cli import hub_access
from netmon.cli.times import seconds
from netmon.errors import GOOD
from netmon.hub_client import element_path


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("id", metavar="ID", help="the incident, as `netmon incidents` shows it")
    parser.add_argument("--note", default="", help="what you are about to do")
    parser.add_argument(
        "--for",
        dest="for_s",
        type=seconds,
        metavar="2h",
        help="so long; then it is in nobody's hands again (0s: never)",
    )
    parser.add_argument(
        "--seen", type=int, metavar="VERSION", help="refuse when the incident is another by now than this version of it"
    )
    parser.add_argument("--undo", action="store_true", help="give it back: it is in nobody's hands any more")
    parser.add_argument("--who", default="", help="your name (default: the user of this machine)")
    hub_access.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Tell the hub who works on it."""
    body = {"who": args.who or hub_access.user(), "note": args.note}
    more = {"for_s": args.for_s, "version": args.seen}
    body |= {name: value for name, value in more.items() if value is not None and not args.undo}
    word = "unack" if args.undo else "ack"
    hub_access.client(args).post(f"/api/v1/incidents/{element_path(args.id)}/{word}", body)
    print(args.id)
    return GOOD
