"""`netmon conference plan`: rooms times rate times 1.2 on every shared link, and the MCU's licences, before the day."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inventory.model import Conference
from inventory.topology import Network
from netmon.cli import output
from netmon.conference import plan, report
from netmon.conference.plan import Plan, Ports, Trunk
from netmon.errors import GOOD, PROBLEM, Problem, UsageError
from netmon.load import inventory
from probes.clean import clean

DEFAULT_INVENTORY = "/etc/netmon/inventory.yaml"
_HEADS = {
    "vi": ("Kênh / MCU", "Phòng", "Cần", "Có", "Kết luận"),
    "en": ("Link / MCU", "Rooms", "Needs", "Has", "Verdict"),
}
_ENOUGH = {
    "vi": {"enough": "đủ", "short": "THIẾU", "unknown": "chưa biết"},
    "en": {"enough": "enough", "short": "SHORT", "unknown": "unknown"},
}
SHORT = {lang: words["short"] for lang, words in _ENOUGH.items()}
_NONE = {"vi": "Không kênh nào mang hội nghị này.", "en": "No link carries this conference."}
_MEASURED = {"vi": "đo được", "en": "measured"}


def common(parser: argparse.ArgumentParser) -> None:
    """What every word that reads the inventory takes."""
    parser.add_argument("conference", metavar="CONFERENCE", help="its id in the inventory, or its name")
    parser.add_argument("--inventory", default=DEFAULT_INVENTORY, metavar="FILE", help=f"(default {DEFAULT_INVENTORY})")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    common(parser)
    output.argument(parser, "json")


def find(args: argparse.Namespace) -> tuple[Network, Conference]:
    """The network and the conference the arguments name. Raises `ConfigError`, `UsageError`."""
    network = inventory.load(Path(args.inventory))
    every = network.inventory.conferences
    conference = network.conference(args.conference) or next(
        (known for known in every if known.name == args.conference), None
    )
    if conference is None:
        known = ", ".join(each.id for each in every) or "none"
        what = f"no conference {clean(args.conference, 80)!r} in {args.inventory}"
        raise UsageError([Problem("command line", "", what, f"known: {known}")])
    return network, conference


def run(args: argparse.Namespace) -> int:
    """Print the arithmetic; 1 when a link or an MCU is too small."""
    network, conference = find(args)
    laid = plan.make(network, conference)
    short = "short" in {*(need.state for need in laid.trunks), *(need.state for need in laid.ports)}
    if args.output == "json":
        output.print_json(as_json(laid))
    else:
        output.print_table(_HEADS[args.lang or "vi"], rows(laid, args.lang or "vi"), args, _NONE)
    return PROBLEM if short else GOOD


def as_json(laid: Plan) -> dict[str, Any]:
    """The arithmetic as data."""
    whole = report.as_json(laid, (), (), began_s=0.0, took_s=0.0, lang="en")
    return {key: whole[key] for key in ("conference", "name", "starts", "trunks", "ports")}


def rows(laid: Plan, lang: str) -> list[list[str]]:
    """Links, the fullest first, then MCUs."""
    return [_trunk(need, lang) for need in laid.trunks] + [_ports(need, lang) for need in laid.ports]


def _trunk(trunk: Trunk, lang: str) -> list[str]:
    has = "" if trunk.capacity_bps is None else _mbit(trunk.capacity_bps)
    measured = f" ({_MEASURED[lang]})" if trunk.measured else ""
    return [clean(trunk.name, 60), str(trunk.rooms), _mbit(trunk.need_bps), has + measured, _ENOUGH[lang][trunk.state]]


def _ports(ports: Ports, lang: str) -> list[str]:
    has = "" if ports.ports is None else str(ports.ports)
    return [clean(ports.name, 60), str(ports.rooms), str(ports.rooms), has, _ENOUGH[lang][ports.state]]


def _mbit(bps: float) -> str:
    return f"{bps / 1e6:.1f} Mbit/s"
