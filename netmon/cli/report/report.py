"""`netmon report`: figures over days, from the store of the hub on this machine. The hub may run or not."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netmon import zone
from netmon.cli import output
from netmon.cli.report.rows import print_figures
from netmon.errors import GOOD, PROBLEM, MachineError

if TYPE_CHECKING:
    from netmon.report.utilisation import SlotWindow, Use

_HEADS = {
    "vi": ("Kết luận", "Tỉnh", "Điểm", "Trạm đo", "Phép đo", "Chiều", "p95", "Lớn nhất", "Số mẫu", "Thiếu"),
    "en": ("Verdict", "Province", "Site", "Agent", "Check", "Way", "p95", "Most", "Samples", "Missing"),
}
_VERDICTS = {
    "vi": {"ok": "đạt", "breach": "VƯỢT 90 %", "unknown": "chưa đủ mẫu"},
    "en": {"ok": "ok", "breach": "ABOVE 90 %", "unknown": "not enough samples"},
}
_WHAT = {
    "utilisation": "is the 95th percentile of each link's five-minute samples at most 90 % (Circular 06/2026, Art. 5.6)?",
    "calls": "how test calls went in each province: the figures of RFC 6076 (SER, SEER, ISA, SCR, SRD, SDD)",
}
_NONE = {
    "vi": "Không có mẫu nào: cần phép đo snmp cho từng cổng (interface).",
    "en": "No samples at all: they come from snmp checks of one interface each.",
}
_SAID = {
    "vi": "{n} chiều, {days:g} ngày đến {end}; mỗi chiều cần {slots} mẫu 5 phút. Vượt: {breach}, đạt: {ok}, chưa đủ mẫu: {unknown}.",
    "en": "{n} directions, {days:g} days up to {end}; {slots} samples of 5 minutes each. Above: {breach}, ok: {ok}, not enough"
    " samples: {unknown}.",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    reports = parser.add_subparsers(dest="report", required=True, metavar="REPORT", title="reports")
    for name, what in _WHAT.items():
        _options(reports.add_parser(name, help=what.replace("%", "%%"), description=what))


def _options(report: argparse.ArgumentParser) -> None:
    where = report.add_mutually_exclusive_group()
    where.add_argument(
        "--config", type=Path, metavar="FILE", help="the hub's file (hub.yaml), which says where its store is"
    )
    where.add_argument(
        "--store", type=Path, metavar="DIR", help="the store itself (default: /var/lib/netmon/hub/store)"
    )
    report.add_argument("--days", type=_days, default=7.0, metavar="N", help="length of the window (default: 7)")
    report.add_argument("--province", default="", metavar="CODE", help="only this province")
    output.argument(report, "json", "jsonl", "csv")


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= 400:
        raise argparse.ArgumentTypeError("write a number of days, above 0 and at most 400")
    return days


def run(args: argparse.Namespace) -> int:
    """The report's own exit code."""
    return _RUN[args.report](args)


def _utilisation(args: argparse.Namespace) -> int:
    """1 when a direction is above 90 %, else 0; what cannot be told for want of samples is no breach."""
    from netmon.report import utilisation

    over = utilisation.window(time.time(), args.days)
    used = [use for use in utilisation.utilisation(_store(args), over) if args.province in ("", use.province)]
    if not print_figures(used, utilisation.Use, over, args.output, slots=over.slots):
        _table(used, over, args)
    return PROBLEM if any(use.verdict == "breach" for use in used) else GOOD


def _calls(args: argparse.Namespace) -> int:
    """0 always: nobody has set a limit for these figures."""
    from netmon.cli.report import calls as calls_table
    from netmon.report import calls, utilisation

    over = utilisation.window(time.time(), args.days)
    rows = calls.calls(_store(args), over, args.province)
    if not print_figures(rows, calls.CallFigures, over, args.output, fewest=calls.MIN_CALLS):
        calls_table.table(rows, over, args)
    return GOOD


def _store(args: argparse.Namespace) -> Path:
    """Where the sealed points are; raises `MachineError` when they cannot be read, `ConfigError`."""
    folder: Path = args.store or Path("/var/lib/netmon/hub/store")
    if args.config:
        from netmon.config.files import load_hub

        folder = Path(load_hub(args.config).state_dir) / "store"
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        raise MachineError(f"{folder}: no store that can be read (run it on the hub, as its user; --config hub.yaml)")
    return folder


def _table(used: Sequence[Use], over: SlotWindow, args: argparse.Namespace) -> None:
    lang = args.lang or "vi"
    output.print_table(_HEADS[lang], [_cells(use, lang) for use in used], args, _NONE)
    if used:
        many = {word: sum(use.verdict == word for use in used) for word in _VERDICTS[lang]}
        end = zone.moment(over.end_s, zone.MINUTES)
        days = (over.end_s - over.start_s) / 86_400
        print(_SAID[lang].format(n=len(used), days=days, end=end, slots=over.slots, **many), file=sys.stderr)


def _cells(use: Use, lang: str) -> tuple[str, ...]:
    said = _VERDICTS[lang][use.verdict]
    plain = (said, use.province, use.site, use.agent, use.check, use.direction, _percent(use.p95_share))
    return output.cells((*plain, _percent(use.max_share), use.samples, use.missing), 120)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


_RUN = {"utilisation": _utilisation, "calls": _calls}
