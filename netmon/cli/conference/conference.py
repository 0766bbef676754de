"""`netmon conference`: is every room ready, and whose fault is it if not."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from netmon.cli.parser import Parser

# word → (module with `arguments(parser)` and `run(args) -> exit code`, what it does)
WORDS: dict[str, tuple[str, str]] = {
    "check": ("netmon.cli.conference.check", "try every room now, and say which are not ready, and whose it is"),
    "list": ("netmon.cli.conference.listing", "those the hub knows, their last rehearsal, and the next"),
    "watch": ("netmon.cli.conference.watch", "the live board of one, from what the hub knows; nothing is measured"),
    "report": ("netmon.cli.conference.report", "after it: rehearsals, bad minutes, losses and incidents by room"),
    "import": ("netmon.cli.conference.import_rooms", "a list of rooms an office sent → what to add to the inventory"),
    "legs": ("netmon.cli.conference.legs", "what the MCU reports of each room beside what agents measure"),
    "plan": ("netmon.cli.conference.plan", "what its links and MCUs must carry; nothing is measured"),
}


class _Word(Parser):
    """A word's parser, whose options are read from its module when the word is used: the others cost nothing."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's."""
        module, self.module = self.module, ""
        if module:
            import_module(module).arguments(self)
        return super().parse_known_args(args, namespace)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own words."""
    words = parser.add_subparsers(metavar="WORD", title="words", required=True, dest="word", parser_class=_Word)
    for name, (module, what) in WORDS.items():
        words.add_parser(name, help=what, description=what).module = module


def run(args: argparse.Namespace) -> int:
    """Do what the word says."""
    return int(import_module(WORDS[args.word][0]).run(args))
