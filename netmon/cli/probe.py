"""`netmon probe KIND TARGET`: one probe kind, now."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from netmon.config.walker.value import parse_settings
from netmon.errors import GOOD, INTERRUPTED, PROBLEM, MachineError, Problem, UsageError
from probes import catalog, early, trace
from probes.base import Kind, Measurement, Outcome, Row, Target
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, ProbeError
from probes.trace import Event

_GRACE_S = 0.5  # between being asked for what is known, and the end


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("kind", metavar="KIND", help=", ".join(catalog.names()))
    parser.add_argument("target", metavar="TARGET", nargs="?", default="", help="address, name, or host:port")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="a setting, with its unit")
    parser.add_argument("-n", "--count", type=int, default=5, help="packets of the one measurement (default 5)")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say the settings and what each value means (stderr), and every event of the run",
    )
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table")


def run(args: argparse.Namespace) -> int:
    """Measure once; exit 0 when the target answered as it should, 1 when not, 3 when we could not measure."""
    try:
        kind = catalog.load(args.kind)
    except BadSettings as fault:
        raise UsageError([Problem("command line", "", str(fault))]) from None
    settings = parse_settings(args.set, kind.settings)
    if args.count < 1:
        raise UsageError([Problem("command line", "-n", f"{args.count} packets measure nothing", "write 1 or more")])
    if args.explain:
        _explain(kind, settings)
    events: list[Event] | None = None
    if args.explain:
        with trace.recording() as events:
            measured, stopped = _measure(kind, Target(args.target), settings, args.count)
    else:
        measured, stopped = _measure(kind, Target(args.target), settings, args.count)
    rows = None if events is None else event_rows(events)
    print(_json(measured, rows) if args.output != "table" else _table(kind, measured, rows or ()))
    if stopped:
        return INTERRUPTED
    return (
        GOOD
        if measured.outcome is Outcome.OK
        else MachineError.exit_code
        if measured.outcome is Outcome.LOCAL
        else PROBLEM
    )


def _measure(kind: Kind, target: Target, settings: Any, count: int) -> tuple[Measurement, bool]:
    """A measurement, and whether it was asked to end early."""
    try:
        return asyncio.run(_until_stopped(kind, target, settings, count))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except (BadTarget, BadSettings) as fault:
        raise UsageError([Problem("command line", "", str(fault))]) from None
    except ProbeError as fault:
        raise MachineError(str(fault)) from None


async def _until_stopped(kind: Kind, target: Target, settings: Any, count: int) -> tuple[Measurement, bool]:
    """Ctrl-C asks for what was measured so far; a kind that has nothing to tell by then, or a second one, ends it."""
    loop, asked, measuring = asyncio.get_running_loop(), early.arm(), asyncio.current_task()
    assert measuring is not None

    def stop() -> None:
        if asked.is_set():
            measuring.cancel()
        asked.set()
        loop.call_later(_GRACE_S, measuring.cancel)

    loop.add_signal_handler(signal.SIGINT, stop)
    return await kind.run(target, settings, count), asked.is_set()


def as_json(measured: Measurement) -> dict[str, Any]:
    """The contract of `-o json`: a value that was not measured is absent; `at` is ISO 8601 with microseconds."""
    at = datetime.fromtimestamp(measured.at_ns // 1000 / 1e6, UTC)
    return {
        "kind": measured.kind,
        "target": measured.target,
        "outcome": measured.outcome.name,
        "at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "took_ms": measured.took_ms,
        "values": measured.values,
        "why": measured.why,
    } | ({"detail": list(measured.detail)} if measured.detail else {})


def event_rows(events: list[Event]) -> tuple[Row, ...]:
    """What happened, in order of time: `at_ms` since the first event, what, and more of it in cleaned words."""
    ordered = trace.in_order(events)
    first_ns = ordered[0].at_ns if ordered else 0
    return tuple(
        {"at_ms": round((event.at_ns - first_ns) / 1e6, 3), "event": event.what, "detail": clean(event.detail)}
        for event in ordered
    )


def _json(measured: Measurement, events: tuple[Row, ...] | None) -> str:
    whole = as_json(measured) | ({} if events is None else {"events": list(events)})
    return json.dumps(whole, ensure_ascii=False)


def _table(kind: Kind, measured: Measurement, events: tuple[Row, ...]) -> str:
    units = {field.name: field.unit for field in kind.fields}
    rows = [f"{measured.kind} {clean(measured.target) or 'this machine'}: {measured.outcome.name}"]
    if measured.why:
        rows[0] += f" ({clean(measured.why)})"
    shown = [(name, value) for name, value in measured.values.items() if name in units]
    width = max([16, *(len(name) for name, _ in shown)])
    rows += [f"  {name:<{width}} {value:>12} {units[name]}".rstrip() for name, value in shown]
    return "\n".join(rows + _rows(measured.detail) + _rows(_aligned(events)))


def _aligned(events: tuple[Row, ...]) -> tuple[Row, ...]:
    """Times with their zeros, so that the points stand below each other; an event without more to say has no cell."""
    texts = [f"{row['at_ms']:.3f}" for row in events]
    width = max(map(len, texts), default=0)
    return tuple({**row, "at_ms": text.rjust(width)} for row, text in zip(events, texts, strict=True))


def _rows(detail: tuple[Row, ...]) -> list[str]:
    """The kind's own table: a column for each key that any row has, numbers to the right."""
    columns = list(dict.fromkeys(key for row in detail for key in row))
    cells = [columns, *([clean(str(row.get(key, ""))) for key in columns] for row in detail)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    right = [all(not isinstance(row.get(key, 0), str) for row in detail) for key in columns]
    aligned = [[_cell(*cell) for cell in zip(line, widths, right, strict=True)] for line in cells]
    return [("  " + "  ".join(line)).rstrip() for line in aligned] if detail else []


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _explain(kind: Kind, settings: Any) -> None:
    import sys

    lines = [f"{kind.name}: {kind.meaning}", *(f"  {key} = {value}" for key, value in asdict(settings).items())]
    lines += [f"  {field.name} [{field.unit or '-'}] {field.meaning}" for field in kind.fields]
    print("\n".join(lines), file=sys.stderr)
