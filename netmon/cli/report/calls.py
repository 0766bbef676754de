"""`netmon report calls`, as people read it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netmon import zone
from netmon.cli import output
from probes.clean import clean

if TYPE_CHECKING:
    from netmon.report.calls import CallFigures
    from netmon.report.utilisation import SlotWindow

_HEADS = {
    "vi": ("Tỉnh", "Cuộc gọi", "SER", "SEER", "ISA", "SCR", "SRD được p50/p95", "SRD hỏng p50/p95", "SDD p50/p95"),
    "en": ("Province", "Calls", "SER", "SEER", "ISA", "SCR", "SRD taken p50/p95", "SRD failed p50/p95", "SDD p50/p95"),
}
_ALL = {"vi": "tất cả", "en": "all"}
_FEW = {"vi": "chưa đủ", "en": "too few"}
_NONE = {
    "vi": "Không có cuộc gọi thử nào: cần phép đo sipcall.",
    "en": "No test calls at all: they come from sipcall checks.",
}
_SAID = {
    "vi": "{days:g} ngày đến {end}. Chưa đủ: dưới {fewest} cuộc gọi. Không tính {left_out} cuộc chưa hỏi được ai (lỗi của máy đo, tên không có"
    " địa chỉ, bị đòi mật khẩu); {redirected} cuộc bị chuyển hướng.",
    "en": "{days:g} days up to {end}. Too few: under {fewest} calls. {left_out} calls that asked nobody (our own fault, no address, a"
    " password wanted) are not counted; {redirected} were redirected.",
}


def table(rows: Sequence[CallFigures], over: SlotWindow, args: argparse.Namespace) -> None:
    """The rows, and behind them on stderr what is not in them."""
    from netmon.report.calls import MIN_CALLS

    lang = args.lang or "vi"
    output.print_table(_HEADS[lang], [_cells(row, lang) for row in rows], args, _NONE)
    if rows:
        end = zone.moment(over.end_s, zone.MINUTES)
        days, whole = (over.end_s - over.start_s) / 86_400, rows[-1]  # the one asked for, or all
        many = {"left_out": whole.left_out, "redirected": whole.redirected}
        print(_SAID[lang].format(days=days, end=end, fewest=MIN_CALLS, **many), file=sys.stderr)


def _cells(row: CallFigures, lang: str) -> tuple[str, ...]:
    from netmon.report.calls import ALL

    where = _ALL[lang] if row.province == ALL else clean(row.province, 20)
    shares = (_FEW[lang] if share is None else f"{share:.1%}" for share in (row.ser, row.seer, row.isa, row.scr))
    delays = (
        (row.srd_n, row.srd_p50_ms, row.srd_p95_ms),
        (row.srd_failed_n, row.srd_failed_p50_ms, row.srd_failed_p95_ms),
        (row.sdd_n, row.sdd_p50_ms, row.sdd_p95_ms),
    )
    return (where, str(row.calls), *shares, *(_delay(*each, lang) for each in delays))


def _delay(many: int, p50_ms: float | None, p95_ms: float | None, lang: str) -> str:
    if p50_ms is None or p95_ms is None:
        return f"{_FEW[lang]} (N={many})" if many else ""
    return f"{p50_ms:.0f}/{p95_ms:.0f} ms (N={many})"
