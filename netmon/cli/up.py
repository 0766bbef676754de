"""`netmon up`: agent, hub and store in one command; with --lab a whole network to try them on."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from netmon import zone
from netmon.cli import output, terminal
from netmon.config.walker.value import seconds
from netmon.errors import GOOD, MachineError, NetmonError
from netmon.lab.scenario import BREAK_S, MEND_S, SCENARIOS
from probes.clean import clean

Emit = Callable[[dict[str, Any]], None]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `netmon up` takes."""
    parser.add_argument(
        "--lab", type=int, metavar="COMMUNES", help="build a network of namespaces with this many communes"
    )
    when = f"breaks at {BREAK_S:.0f} s, mends at {MEND_S:.0f} s"
    parser.add_argument(
        "--rooms", action="store_true", help="meeting rooms in the lab, and a conference to try them with"
    )
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help=f"what breaks in the lab ({when})")
    parser.add_argument("--for", dest="for_text", metavar="TIME", help="end after this time (60s, 5m)")
    parser.add_argument("--no-console", action="store_true", help="no screen: events on stdout")
    parser.add_argument(
        "--webhook", default="", metavar="URL", help="send pages there instead of the lab's own receiver"
    )
    parser.add_argument(
        "-o", dest="output", choices=("table", "json", "jsonl"), default="table", help="form of the events"
    )
    parser.add_argument(
        "--namespaces",
        choices=("auto", "root", "user", "loopback"),
        default="auto",
        help="what the lab's hosts are made of",
    )
    parser.add_argument(
        "--raw-ping",
        action="store_true",
        help="close ICMP sockets to every group in the lab: agents fall back to raw sockets",
    )
    parser.add_argument("--keep", metavar="FOLDER", help="work in this folder and leave it there (files, logs, stores)")


def run(args: argparse.Namespace) -> int:
    """Run until the time is up, `q`, or Ctrl-C."""
    _end_in_order()
    for_s = seconds(args.for_text) if args.for_text else None
    if args.lab is None:
        if args.scenario:
            raise MachineError("--scenario breaks things in a lab: add --lab 6")
        if args.rooms:
            raise MachineError("--rooms are those of a lab: add --lab 6")
        return _run_single(args, for_s)
    return _run_lab(args, for_s)


def _end_in_order() -> None:
    """SIGTERM and a terminal that closes are Ctrl-C: what runs is stopped and cleared away. `nohup` keeps its meaning."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _as_interrupt)


def _as_interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


# --- the lab ---


def _run_lab(args: argparse.Namespace, for_s: float | None) -> int:
    from netmon.lab.plan import plan
    from netmon.lab.run import Lab
    from netmon.lab.space import Space, choose

    mode = choose(args.namespaces)
    scenario = SCENARIOS.get(args.scenario)
    if mode == "loopback" and scenario and scenario.wire:
        raise MachineError(
            f"{scenario.name}: without namespaces no link can be cut here (try --scenario mcu-down, or as root)"
        )
    try:
        paper = plan(args.lab, loopback=mode == "loopback", rooms=args.rooms)
    except ValueError as fault:
        raise MachineError(str(fault)) from None
    folder = _folder(args.keep)
    screen = not args.no_console and sys.stdout.isatty() and terminal.can_draw()
    emit = _to_stderr if screen else _printer(args.output)
    lab = Lab(paper, Space(paper, mode, ping_sockets=not args.raw_ping), folder, emit, webhook=args.webhook)
    try:
        lab.start()
        _live(lab.run, scenario, for_s, screen, str(lab.socket), args)
        summary = lab.stop()
    finally:
        lab.close()
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _print_summary(summary, args.output)
    return GOOD


def _live(
    go: Callable[..., None], scenario: Any, for_s: float | None, screen: bool, socket: str, args: argparse.Namespace
) -> None:
    if not screen:
        try:
            go(scenario, for_s)
        except KeyboardInterrupt:
            print("stopping", file=sys.stderr)
        return
    from netmon.console.app import Console

    left, faults = threading.Event(), list[NetmonError]()

    def work() -> None:
        try:
            go(scenario, for_s, left.is_set)
        except NetmonError as fault:
            faults.append(fault)

    worker = threading.Thread(target=work, name="lab")
    worker.start()
    try:
        Console.on_socket(socket, lang=args.lang, color=not args.no_color).run(until=lambda: not worker.is_alive())
    finally:
        left.set()
        worker.join()
    if faults:
        raise faults[0]


def _folder(keep: str | None) -> Path:
    if not keep:
        return Path(tempfile.mkdtemp(prefix="netmon-lab-"))
    folder = Path(keep).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _printer(form: str) -> Emit:
    return _as_jsonl if form in ("json", "jsonl") else _as_text


def _as_jsonl(event: dict[str, Any]) -> None:
    output.print_json(event)


def _as_text(event: dict[str, Any]) -> None:
    at = zone.moment(datetime.fromisoformat(event["at"]).timestamp(), "%H:%M:%S")
    print(clean(f"{at}  {event['event']:18} {event['element']:22} {event['detail']}", 300), flush=True)


def _to_stderr(event: dict[str, Any]) -> None:
    if event["event"] in ("note", "rooms"):
        print(clean(event["detail"], 300), file=sys.stderr)


def _print_summary(summary: dict[str, Any], form: str) -> None:
    if form in ("json", "jsonl"):
        output.print_json({"summary": summary})
        return
    incidents = "; ".join(
        f"{row['element']} ({row['kind']}, {len(row['symptoms'])} symptoms)" for row in summary["incidents"]
    )
    print(
        f"points sent {summary['points_sent']}, stored {summary['points_stored']}; pages {summary['pages']}; incidents: {clean(incidents, 2000) or 'none'}"
    )


# --- one machine ---

_MEASURES = {
    "vi": "netmon đang đo: {checks}. Tệp cấu hình: {folder}; đo thêm: sửa agent.yaml ở đó. Thử một mạng mẫu: netmon up --lab 6",
    "en": "netmon measures: {checks}. Its files: {folder}; to measure more edit agent.yaml there. A network to try: netmon up --lab 6",
}


def _measures(checks: list[tuple[str, str, str]], folder: Path, lang: str) -> str:
    """What runs on this machine, in one line."""
    checks_text = ", ".join(f"{name} ({kind}{' ' + target if target else ''})" for name, kind, target in checks)
    return clean(_MEASURES[lang].format(checks=checks_text, folder=folder), 1000)


def _run_single(args: argparse.Namespace, for_s: float | None) -> int:
    from netmon.lab.single import Single

    folder = _folder(args.keep) if args.keep else Path.home() / ".local" / "state" / "netmon"
    folder.mkdir(parents=True, exist_ok=True)
    single = Single(folder, webhook=args.webhook)
    screen = not args.no_console and sys.stdout.isatty() and terminal.can_draw()
    try:
        single.start()
        print(_measures(single.checks(), folder, args.lang or "vi"), file=sys.stderr)
        _live(
            lambda scenario, time_s, stopped=lambda: False: single.run(time_s, stopped),
            None,
            for_s,
            screen,
            str(single.socket),
            args,
        )
    finally:
        single.close()
    return GOOD
