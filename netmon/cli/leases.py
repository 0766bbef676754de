"""`netmon leases`: which heavy tests run now, what links have carried of them today, and which conferences keep them away."""

from __future__ import annotations

import argparse
import time
from typing import Any

from netmon.cli import hub_access, output
from netmon.errors import GOOD

_HEADS = {"vi": ("Gì", "Ở đâu", "Chi tiết"), "en": ("What", "Where", "Detail")}
_WORDS = {
    "vi": (
        "đang đo",
        "còn {left}, tối đa {bytes}",
        "đã dùng",
        "{bytes} trên {most}",
        "hội nghị",
        "{links} đường, {when}",
    ),
    "en": ("test", "{left} left, at most {bytes}", "used", "{bytes} of {most}", "conference", "{links} links, {when}"),
}
_WHEN = {"vi": ("đang giữ, còn {left}", "giữ sau {left}"), "en": ("now, {left} left", "in {left}")}
_NONE = {"vi": "Hôm nay chưa có phép đo nặng nào.", "en": "No heavy test yet today."}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    hub_access.arguments(parser)
    output.argument(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Tests first, then links, then conferences."""
    view = hub_access.client(args).get("/api/v1/leases")
    if args.output == "json":
        output.print_json(view)
        return GOOD
    lang = args.lang or "vi"
    output.print_table(_HEADS[lang], rows(view, lang, time.time()), args, _NONE)
    return GOOD


def rows(view: dict[str, Any], lang: str, now_s: float) -> list[tuple[str, ...]]:
    """The table; all text cleaned."""
    test, left, used, share, kept_away, when = _WORDS[lang]
    rows = [
        (
            test,
            f"{lease['agent']}/{lease['check']}",
            left.format(left=_left(lease["expires_ms"], now_s), bytes=_mb(lease["bytes"])),
        )
        for lease in view["leases"]
    ]
    a_day = _mb(view["bytes_per_day"])
    rows += [(used, link["name"], share.format(bytes=_mb(link["used_bytes"]), most=a_day)) for link in view["links"]]
    for conference in view["conferences"]:
        now, later = _WHEN[lang]
        is_on = conference["from_ms"] <= now_s * 1000
        text = (now if is_on else later).format(left=_left(conference["until_ms" if is_on else "from_ms"], now_s))
        rows.append(
            (kept_away, conference["name"] or conference["id"], when.format(links=conference["links"], when=text))
        )
    return [output.cells(row) for row in rows]


def _left(at_ms: float, now_s: float) -> str:
    return output.span(at_ms / 1000 - now_s)


def _mb(many: int) -> str:
    return f"{many / 1e6:,.1f} MB"
