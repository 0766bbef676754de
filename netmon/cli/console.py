"""`netmon console`: the live screen of network operators."""

from __future__ import annotations

import argparse

from netmon.cli import terminal
from netmon.cli.incidents import client
from netmon.errors import GOOD, MachineError
from netmon.hub_client import DEFAULT_SOCKET


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `netmon console` takes."""
    parser.add_argument(
        "--hub", default=DEFAULT_SOCKET, metavar="SOCKET|URL", help="local socket of the hub, or https://host:port"
    )
    parser.add_argument("--token-file", default="", help="file with a read token (for a URL)")
    parser.add_argument("--ca", default="", help="the hub's ca.pem (for a URL)")
    parser.add_argument("--filter", default="", metavar="WORDS", help="show communes with these words only")
    parser.add_argument("--svg", default="", metavar="FILE", help="write the screen into an SVG file and exit")
    parser.add_argument("--once", action="store_true", help="print and exit")


def run(args: argparse.Namespace) -> int:
    """Live on a terminal, once with --once."""
    from netmon.console.app import Console, is_terminal

    console = Console(client(args), lang=args.lang, color=not args.no_color, filter=args.filter)
    if args.svg:
        console.picture(args.svg)
        return GOOD
    if args.once:
        console.once()
        return GOOD
    if not terminal.can_draw():
        raise MachineError("this terminal cannot move its cursor (TERM=dumb): netmon console --once prints and exits")
    if not is_terminal():
        raise MachineError("the console needs a terminal (netmon console --once prints and exits)")
    console.run()
    return GOOD
