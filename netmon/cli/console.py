"""`netmon console`: the live screen of network operators."""

from __future__ import annotations

import argparse

from netmon.cli import hub_access, terminal
from netmon.errors import GOOD, MachineError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `netmon console` takes."""
    hub_access.arguments(parser)
    parser.add_argument("--filter", default="", metavar="WORDS", help="show communes with these words only")
    parser.add_argument("--svg", default="", metavar="FILE", help="write the screen into an SVG file and exit")
    parser.add_argument("--once", action="store_true", help="print and exit")


def run(args: argparse.Namespace) -> int:
    """Live on a terminal, once with --once."""
    from netmon.console.app import Console, is_terminal

    console = Console(hub_access.client(args), lang=args.lang, color=not args.no_color, filter=args.filter)
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
