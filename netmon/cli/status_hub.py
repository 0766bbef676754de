"""`netmon status --hub`: is anything wrong with the hub itself, and how do its sinks stand?"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any

from netmon.cli import hub_access, output
from netmon.errors import GOOD, PROBLEM
from probes.clean import clean

_VI = {
    "fine": "Trung tâm {name}: TỐT",
    "bad": "Trung tâm {name}: CÓ LỖI",
    "trouble": "{part}: {why} ({ago})",
    "sink": "sao chép tới {name}: đã gửi {sent}; để riêng {set_aside}; {trouble}",
    "good": "tốt",
}
_EN = {
    "fine": "Hub {name}: FINE",
    "bad": "Hub {name}: IN TROUBLE",
    "trouble": "{part}: {why} ({ago})",
    "sink": "copies to {name}: {sent} sent; {set_aside} set aside; {trouble}",
    "good": "good",
}


def run(args: argparse.Namespace) -> int:
    """Exit 0 when nothing is wrong with the hub, 1 when something is, 4 when it does not answer."""
    hub = hub_access.client(args).get("/api/v1/hub")
    if args.output == "json":
        output.print_json(hub)
    else:
        print("\n".join(lines(hub, args.lang or "vi", time.time())))
    return PROBLEM if hub["troubles"] else GOOD


def lines(hub: Mapping[str, Any], lang: str, now_s: float) -> Iterator[str]:
    """The headline, one line a trouble, one a sink; every text is cleaned."""
    words = _EN if lang == "en" else _VI
    yield clean(words["bad" if hub["troubles"] else "fine"].format(name=hub["name"]), 300)
    for trouble in hub["troubles"]:
        ago = output.span(now_s - trouble["since_ms"] / 1000)
        yield clean(words["trouble"].format(part=trouble["part"], why=trouble["why"], ago=ago), 500)
    for sink in hub["sinks"]:
        values = {key: sink[key] for key in ("name", "sent", "set_aside")} | {
            "trouble": sink["trouble"] or words["good"]
        }
        yield clean(words["sink"].format(**values), 500)
