"""`netmon resend`: have points sent again that a database or a hub refused, once it would take them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from netmon.delivery import set_aside
from netmon.errors import GOOD, MachineError, Problem, UsageError
from probes.clean import clean


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the file of a hub or of an agent")
    parser.add_argument("names", nargs="*", metavar="NAME", help="sinks or destinations (default: all that have some)")


def run(args: argparse.Namespace) -> int:
    """Tells for each how many points are sent again. 0 when all were asked for, 2 for a name that is not in the file."""
    from netmon.load import check as load_check

    file = load_check.load(args.config, None)
    file.reader.check()
    folders = {"hub": "sinks", "agent": "spool"}
    if file.role not in folders:
        raise UsageError([_problem(args.config, f"is a file of {file.role}", "name the file of a hub or of an agent")])
    folder = Path(file.record.state_dir) / folders[file.role]
    known = [each.name for each in (file.record.sinks if file.role == "hub" else file.record.destinations)]
    if unknown := [name for name in args.names if name not in known]:
        raise UsageError([_problem(args.config, f"has no {unknown[0]}", f"it has {', '.join(known) or 'none'}")])
    _ask(folder, args.names or [name for name in set_aside.refusing(folder) if name in known])
    return GOOD


def _ask(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        try:
            count = set_aside.ask_again(folder, name)
        except OSError as fault:
            place = clean(str(fault.filename or folder), 300)
            raise MachineError(f"{place}: {fault.strerror} (run it as root or as the role's user)") from None
        print(f"{name}\t{count}")


def _problem(path: Path, what: str, write: str) -> Problem:
    return Problem(str(path), "", clean(what, 200), clean(write, 200))
