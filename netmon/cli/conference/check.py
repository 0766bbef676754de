"""`netmon conference check`: every room's ladder, now, and a verdict for each with its owner."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from inventory.topology import Network
from netmon.cli import output
from netmon.cli.conference import plan as plan_verb
from netmon.conference import plan, report, verdict
from netmon.conference.in_use import RoomsInUse, rooms_in_use
from netmon.conference.plan import Plan, Seat
from netmon.conference.run import OnResult, Result, RoomRun, RunPlan
from netmon.config.hub import RoomTestConfig
from netmon.config.walker.value import parse_settings, seconds
from netmon.errors import GOOD, INTERRUPTED, PROBLEM, Problem, UsageError
from netmon.readiness import RUNGS, Row
from probes.base import Measurement, Outcome
from probes.clean import clean
from probes.kinds.room.settings import RoomSettings

_HEADS = {
    "vi": ("Trạng thái", "Phòng", "Xã/tỉnh", "Bậc hỏng", "Vì sao", "Thuộc về", "Gọi ai", "Việc cần làm"),
    "en": ("State", "Room", "Place", "Broken rung", "Why", "Owner", "Call", "To do"),
}
_NONE = {"vi": "Hội nghị này không có phòng nào.", "en": "This conference has no room."}
_SUMMARY = {
    "vi": "{name}: {ready} sẵn sàng, {risk} có rủi ro, {not_ready} chưa sẵn sàng, {not_measured} chưa đo được ({took} s)",
    "en": "{name}: {ready} ready, {risk} at risk, {not_ready} not ready, {not_measured} not measured ({took} s)",
}
_SPARED = {
    "vi": "{many} phòng chỉ được hỏi, không gọi: hội nghị {ids} đang hoặc sắp họp trên đường của chúng (--force gọi cả)",
    "en": "{many} rooms are only asked: conference {ids} goes on, or soon, on their links (--force calls them)",
}
_HANG_UP_S = 3.0
_TEST = RoomTestConfig()


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    plan_verb.common(parser)
    parser.add_argument(
        "--streams", type=int, default=12, metavar="N", help="calls and streams at one time (default 12)"
    )
    parser.add_argument("--light", action="store_true", help="only ask: no call, no stream")
    parser.add_argument("--force", action="store_true", help="call rooms although a conference goes on there")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of the kind `room`")
    parser.add_argument("--within", metavar="TIME", help="begin nothing after so long (20m); the rest is not measured")
    parser.add_argument("--attached", action="store_true", help="end, with all that was started, when stdin ends")
    output.argument(parser, "json", "csv")


def run(args: argparse.Namespace) -> int:
    """Try every room; 0 when all are ready, 1 when not."""
    if args.streams < 1:
        what = f"{args.streams} streams measure nothing"
        raise UsageError([Problem("command line", "--streams", what, "write 1 or more, or --light")])
    if args.attached:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
        threading.Thread(target=_end_with_stdin, name="attached", daemon=True).start()
    network, conference = plan_verb.find(args)
    laid, lang, began_s = plan.make(network, conference), args.lang or "vi", time.time()
    run_plan = _run_plan(args, conference.profile, conference.rate_bps)
    if not (args.light or args.force):
        run_plan = replace(run_plan, spared=_spared(network, laid, began_s, lang))
    live = frozenset[str] if args.force else RoomsInUse(network, laid)
    began = time.monotonic()
    with _progress(len(laid.seats), args) as step:
        room_run = RoomRun(laid.seats, run_plan, step, live)
        results, stopped = _rehearsed(room_run, laid.seats)
    alone = [verdict.judge(network, seat, results[seat.room]) for seat in laid.seats]
    verdicts, causes = verdict.together(network, laid, alone)
    result = report.as_json(laid, verdicts, causes, began_s=began_s, took_s=time.monotonic() - began, lang=lang)
    whole: Row = {**result, "streams_most": room_run.busiest}
    for row in whole["rooms"]:
        row |= {"asked_only": True} if row["room"] in {*run_plan.spared, *room_run.spared} else {}
    _print(whole, laid, args, lang)
    if stopped:
        return INTERRUPTED
    good = whole["summary"]["ready"] + whole["summary"]["risk"] == len(laid.seats)
    return GOOD if good else PROBLEM


def _rehearsed(room_run: RoomRun, seats: Sequence[Seat]) -> tuple[dict[str, Result], bool]:
    """Every room's result, and whether Ctrl-C came first: what was measured by then is kept."""
    try:
        return asyncio.run(room_run.run()), False
    except KeyboardInterrupt:
        known = room_run.results
        at_ns = time.time_ns()
        return {
            seat.room: known.get(seat.room)
            or Measurement("room", seat.target, at_ns, 0.0, Outcome.LOCAL, {}, "stopped before its turn")
            for seat in seats
        }, True


def _spared(network: Network, laid: Plan, now_s: float, lang: str) -> frozenset[str]:
    """Rooms that nobody calls now; whoever waits is told."""
    spared, others = rooms_in_use(network, laid, now_s)
    if spared:
        ids = ", ".join(other.id for other in others)
        print(_SPARED[lang].format(many=len(spared), ids=clean(ids, 200)), file=sys.stderr)
    return spared


def _end_with_stdin() -> None:
    """Whoever started this is gone, or wants no more: calls are hung up, and then this process and its group end."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_HANG_UP_S)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _run_plan(args: argparse.Namespace, profile: str, rate_bps: int | None) -> RunPlan:
    """What the arguments say of calls and streams; the conference's own profile and rate without `--set`."""
    shorter = [f"call_for={_TEST.call_s:g}s", f"media_for={_TEST.media_s:g}s"]
    given = ["profile=" + profile, *([f"rate={rate_bps}bit"] if rate_bps else []), *shorter]
    settings = parse_settings([*given, *args.set], RoomSettings)
    until_s = time.monotonic() + seconds(args.within) if args.within else math.inf
    heavy = not args.light
    return RunPlan(settings=settings, streams=args.streams, call=heavy, quality=heavy, until_s=until_s)


def _print(whole: Row, laid: Plan, args: argparse.Namespace, lang: str) -> None:
    if args.output == "json":
        output.print_json(whole)
    elif args.output == "csv":
        output.print_csv(report.COLUMNS, whole["rooms"], newline="\r\n")
    else:
        _table(whole, laid, args, lang)


def _table(whole: Row, laid: Plan, args: argparse.Namespace, lang: str) -> None:
    rooms = [row | {"why": _why(row["why"], lang)} for row in whole["rooms"]]
    cells = [output.cells(row, 200) for row in report.cells(rooms, lang)]
    output.print_table(_HEADS[lang], cells, args, _NONE)
    for cause in whole["causes"]:
        print(clean(f"→ {RUNGS[cause['rung']][lang]}: {cause['do']} {cause['circuit_id']}", 300))
    for row in plan_verb.rows(laid, lang):
        if row[-1] == plan_verb.SHORT[lang]:
            print("! " + "  ".join(row))
    told_name = whole["name"] or whole["conference"]
    print(_SUMMARY[lang].format(name=clean(told_name, 100), took=whole["took_s"], **whole["summary"]))


def _why(text: str, lang: str) -> str:
    """What a measurement said, in the reader's language as far as it is known there."""
    if lang != "vi":
        return text
    from netmon.cli import vietnamese

    return vietnamese.why(text)


@contextmanager
def _progress(many: int, args: argparse.Namespace) -> Iterator[OnResult]:
    """A bar on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda seat, got: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=args.no_color or None)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=many)
        yield lambda seat, got: bar.update(task, advance=1, description=clean(seat.name, 40))
