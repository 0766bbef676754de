"""The parser of every verb: argparse, in the reader's language."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from netmon.cli.terminal import LANGUAGES

_USAGE = "usage: "


class Parser(argparse.ArgumentParser):
    """Speaks Vietnamese when `speak` was told so; English costs nothing."""

    turned: Callable[[str], str] | None = None  # of the whole process: help texts
    turned_usage: Callable[[str], str] | None = None  # and faults of the command line

    def format_help(self) -> str:
        """As argparse's."""
        turn = type(self).turned
        if turn is None:
            return super().format_help()
        self._turn(turn)
        return self._in_words(super().format_help())

    def format_usage(self) -> str:
        """As argparse's."""
        return self._in_words(super().format_usage())

    def error(self, message: str) -> NoReturn:
        """As argparse's: usage and fault on stderr, exit code 2."""
        turned_usage = type(self).turned_usage
        if turned_usage is None:
            super().error(message)
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {turned_usage(message)}\n")

    def _in_words(self, text: str) -> str:
        turn = type(self).turned
        return text if turn is None or not text.startswith(_USAGE) else turn(_USAGE) + text[len(_USAGE) :]

    def _turn(self, turn: Callable[[str], str]) -> None:
        self.description, self.epilog = (turn(text) if text else text for text in (self.description, self.epilog))
        for group in self._action_groups:
            group.title = turn(group.title) if group.title else group.title
        for action in self._actions:
            shown = [action, *getattr(action, "_choices_actions", ())]
            for action in shown:
                if action.help and action.help != argparse.SUPPRESS:
                    action.help = turn(action.help)


def speak(arguments: Sequence[str], default: str | None) -> None:
    """Take the language from `--lang` among the words, else `default`: before anything is parsed."""
    lang = default
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word.startswith("--lang"):
            named = word.partition("=")[2] or following
            lang = named if named in LANGUAGES else lang  # a language nobody speaks is told in the reader's
    if lang != "vi":
        Parser.turned = Parser.turned_usage = None
        return
    from netmon.cli import vietnamese

    Parser.turned, Parser.turned_usage = staticmethod(vietnamese.help_text), staticmethod(vietnamese.usage)
