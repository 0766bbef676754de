"""`netmon hub`: receive, judge, page, for ever."""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the hub's file (hub.yaml)")


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C."""
    from netmon.hub import main
    from netmon.process import log

    log.setup(args.log)
    return main.run(args.config)
