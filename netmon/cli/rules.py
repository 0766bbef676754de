"""`netmon rules`: proof of rules before they are used, and why an incident was a page."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from netmon.cli import hub_access, output
from netmon.cli import rules_explain as explain
from netmon.cli.parser import Parser
from netmon.errors import GOOD, PROBLEM, ConfigError, Problem, UsageError
from netmon.hub_client import element_path
from probes.clean import clean

_WHAT = {
    "check": "tell every fault of rules files at once, and which rules they come to",
    "test": "play series to the rules, and hold incidents and pages against what must come of them",
    "replay": "which pages the rules would have been in the past, from the hub's store",
    "explain": "why an incident was told, whom it stands for, and who has no page of it",
}
MAX_DAYS = 31


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own verbs."""
    verbs = parser.add_subparsers(metavar="WHAT", dest="what", required=True, parser_class=Parser)
    for name, what in _WHAT.items():
        _OPTIONS[name](verbs.add_parser(name, help=what, description=what))


def _files(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("files", nargs="+", type=Path, metavar="FILE")
    output.argument(verb, "json")


def _span(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", nargs="?", type=Path, metavar="FILE", help="rules (default: those of the hub's file)")
    verb.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's file (hub.yaml)")
    verb.add_argument("--from", dest="start", required=True, metavar="TIME", help="as 2026-12-01T08:00:00+07:00")
    verb.add_argument("--to", dest="end", required=True, metavar="TIME", help="as 2026-12-01T17:00:00+07:00")
    output.argument(verb, "json")


def _incident(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id", metavar="ID", help="the incident, as `netmon incidents` shows it")
    hub_access.arguments(verb)
    output.argument(verb, "json")


def run(args: argparse.Namespace) -> int:
    """0 when all is well, 1 when a test is not met; raises `ConfigError` (78) with all faults of files."""
    return _RUN[args.what](args)


def _check(args: argparse.Namespace) -> int:
    from netmon.load import rules

    problems, names_of = list[Problem](), dict[str, list[str]]()
    for path in args.files:
        try:
            names_of[str(path)] = [rule.name for rule in rules.load(path)]
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    if args.output == "json":
        output.print_json(names_of)
    else:
        for path, names in names_of.items():
            print(clean(f"{path}: {len(names)} rules, good: {' '.join(names)}", 10_000))
    return GOOD


def _test(args: argparse.Namespace) -> int:
    from netmon.proof import play  # brings numpy along

    is_good = True
    for path in args.files:
        for result in play.run(path):
            is_good &= not result.unmet
            if args.output == "json":
                row = {"file": str(path), "name": result.name, "met": not result.unmet, "unmet": result.unmet}
                output.print_json(row | {"incidents": result.incidents, "pages": result.pages})
            else:
                said = f"not met: {'; '.join(result.unmet)}" if result.unmet else "met"
                print("\t".join(output.cells((path, result.name, said), 10_000)))
    return GOOD if is_good else PROBLEM


def _replay(args: argparse.Namespace) -> int:
    from netmon.config.files import load_hub
    from netmon.load import inventory, rules
    from netmon.proof.bench import ProofBench
    from netmon.proof.replay import replay

    start_ms, end_ms = (_moment(args, name) for name in ("start", "end"))
    if not start_ms < end_ms <= start_ms + MAX_DAYS * 86_400_000:
        what = f"is not between --from and {MAX_DAYS} days later"
        raise UsageError([Problem("netmon rules replay", "--to", what, "write a later or an earlier time")])
    hub = load_hub(args.config)
    path = args.file or (Path(hub.rules) if hub.rules else None)
    bench = ProofBench(rules.load(path), inventory.load(Path(hub.inventory)), hub)
    points = replay(Path(hub.state_dir) / "store", start_ms, end_ms, bench)
    days, pages = (end_ms - start_ms) / 86_400_000, bench.firing_pages()
    rows = [
        {
            "at_ms": incident.opened_ms,
            "element": incident.element,
            "kind": incident.kind,
            "severity": incident.severity,
            "rules": bench.rules_of(incident),
            "receivers": sorted(page.receiver for page in pages if page.incident == incident.id),
        }
        for incident in bench.incidents()
    ]
    if args.output == "json":
        figures = {"points": points, "pages": len(pages), "pages_a_day": round(len(pages) / days, 3)}
        output.print_json(figures | {"incidents": rows})
        return GOOD
    for row in rows:
        print(
            "\t".join(
                output.cells(value if isinstance(value, str | int) else json.dumps(value) for value in row.values())
            )
        )
    print(f"{points} points, {len(rows)} incidents, {len(pages)} pages, {len(pages) / days:.1f} a day", file=sys.stderr)
    return GOOD


def _moment(args: argparse.Namespace, name: str) -> int:
    from inventory.timestamp import BadTimestamp, seconds

    try:
        return int(seconds(getattr(args, name)) * 1000)
    except BadTimestamp as fault:
        option = {"start": "--from", "end": "--to"}[name]
        raise UsageError([Problem("netmon rules replay", option, fault.what, fault.write)]) from None


def _explain(args: argparse.Namespace) -> int:
    hub = hub_access.client(args)
    rows = list(hub.get("/api/v1/incidents")["incidents"])
    row = next((row for row in rows if row["id"] == args.id), None)
    if row is None:
        what = f"the hub knows no incident {clean(args.id, 60)}"
        raise UsageError([Problem("netmon rules explain", "ID", what, "netmon incidents lists them")])
    explained = explain.facts(row, rows, hub.get(f"/api/v1/incidents/{element_path(args.id)}/evidence"))
    if args.output == "json":
        output.print_json(explained)
    else:
        print("\n".join(clean(line, 1000) for line in explain.lines(explained, args.lang or "vi")))
    return GOOD


_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "check": _files, "test": _files, "replay": _span, "explain": _incident,
}  # fmt: skip
_RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check, "test": _test, "replay": _replay, "explain": _explain,
}  # fmt: skip
