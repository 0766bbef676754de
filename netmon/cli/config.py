"""`netmon config`: check files, show what takes effect, print schemas and samples."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from netmon.errors import GOOD, ConfigError, Problem
from probes.clean import clean

ROLES = ("agent", "hub", "inventory", "rules")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", dest="what", required=True)
    check = verbs.add_parser("check", help="tell every fault of all files at once (exit code 78)")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a hub's file brings those it names along")
    show = verbs.add_parser("show", help="what takes effect, defaults marked, secrets not shown")
    show.add_argument("files", nargs=1, type=Path, metavar="FILE")
    show.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml")
    for verb in (check, show):
        verb.add_argument(
            "--as", dest="role", choices=ROLES, help="which kind of file it is (else found from its keys)"
        )
    for name, what in (("schema", "JSON Schema of a kind of file, for editors"), ("sample", "a file to begin with")):
        verbs.add_parser(name, help=what).add_argument("role", choices=ROLES, metavar="ROLE", help=", ".join(ROLES))


def run(args: argparse.Namespace) -> int:
    """0 when all is well; raises `ConfigError` (78) with all faults."""
    return _RUN[args.what](args)


def _check(args: argparse.Namespace) -> int:
    from netmon.load import check as load_check

    checked = load_check.check(args.files, args.role)
    for note in _notes(checked.notes, args.lang):
        print(clean(note, 1000), file=sys.stderr)
    if problems := checked.faults():
        raise ConfigError(problems)
    for file in checked.loaded:
        print(clean(f"{file.path}: {file.role}, good", 1000))
    return GOOD


def _notes(notes: Sequence[Problem], lang: str | None) -> list[str]:
    """What may be meant otherwise, one a line, in the reader's language."""
    if lang != "vi":
        return [f"note: {note}" for note in notes]
    from netmon.cli import vietnamese

    return [f"lưu ý: {vietnamese.problems([note])}" for note in notes]


def _show(args: argparse.Namespace) -> int:
    from netmon.config import show
    from netmon.load import check as load_check

    file = load_check.load(args.files[0], args.role)
    file.reader.check()
    rows = show.rows(file.record, file.reader)
    if args.output == "json":
        print(json.dumps(show.plain(rows), ensure_ascii=True))
    else:
        print("\n".join(show.lines(rows)))
    return GOOD


def _schema(args: argparse.Namespace) -> int:
    from netmon.config.docs.schema import schema

    print(json.dumps(schema(args.role), indent=2))
    return GOOD


def _sample(args: argparse.Namespace) -> int:
    from netmon.config.docs.sample import sample

    print(sample(args.role), end="")
    return GOOD


_RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "show": _show,
    "schema": _schema,
    "sample": _sample,
}
