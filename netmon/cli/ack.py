"""`netmon ack`: take an incident into your hands."""

from __future__ import annotations

import argparse

from netmon.cli import hub_access
from netmon.errors import GOOD
from netmon.hub_client import element_path


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("id", metavar="ID", help="the incident, as `netmon incidents` shows it")
    parser.add_argument("--note", default="", help="what you are about to do")
    parser.add_argument("--who", default="", help="your name (default: the user of this machine)")
    hub_access.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Tell the hub who works on it."""
    body = {"who": args.who or hub_access.user(), "note": args.note}
    hub_access.client(args).post(f"/api/v1/incidents/{element_path(args.id)}/ack", body)
    print(args.id)
    return GOOD
