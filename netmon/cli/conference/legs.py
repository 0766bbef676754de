"""`netmon conference legs`: what the MCU reports of each room's call beside what agents measure of its way."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from netmon.cli import hub_access, output
from netmon.cli.conference import plan as plan_verb
from netmon.conference.mcu.base import BWD, FWD, Leg, McuTrouble
from netmon.conference.mcu.compare import Matched, Measured, RoomReading, beside
from netmon.conference.mcu.poll import KINDS, McuClient
from netmon.config.files import load_hub
from netmon.config.hub import McuConfig
from netmon.errors import GOOD, PROBLEM, UNREACHABLE, HubUnreachable, MachineError, Problem, UsageError
from probes.clean import clean

DEFAULT_CONFIG = "/etc/netmon/hub.yaml"
_HEADS = {
    "vi": ("Phòng", "Trạng thái", "MCU: mất đi/về %", "Đo: mất đi/về %", "RTT MCU/đo ms", "Jitter đi/về ms",
           "Tốc độ đi/về Mbit/s", "Hình", "Có gì", "Nhận định"),
    "en": ("Room", "State", "MCU: lost out/in %", "Measured: lost out/in %", "RTT MCU/measured ms", "Jitter out/in ms",
           "Rate out/in Mbit/s", "Picture", "Media", "Reading"),
}  # fmt: skip
_HINTS = {
    "absent": {"vi": "CHƯA VÀO: MCU không có cuộc gọi của phòng này", "en": "NOT IN: the MCU has no call of this room"},
    "network": {"vi": "MẤT GÓI: cả hai đều thấy, hỏng ở đường truyền", "en": "LOSS: both see it, it is the network"},
    "room_or_mcu": {
        "vi": "MẤT GÓI: chỉ MCU thấy, xem mạng trong phòng, thiết bị, MCU",
        "en": "LOSS: the MCU alone sees it: the room's own network, its endpoint, or the MCU",
    },
    "not_felt": {
        "vi": "đường truyền có mất gói, cuộc gọi chưa thấy",
        "en": "the network loses, the call does not feel it yet",
    },
    "good": {"vi": "tốt", "en": "good"},
    "": {"vi": "", "en": ""},
}
BAD = ("absent", "network", "room_or_mcu")
_NONE = {"vi": "Hội nghị này không có phòng nào.", "en": "This conference has no room."}
_OTHERS = {
    "vi": "{many} cuộc gọi khác trên MCU không thuộc phòng nào của hội nghị này",
    "en": "{many} other calls on the MCU are of no room of this conference",
}
_UNCLEAR = {
    "vi": "{mcu}: cuộc gọi '{name}' hợp với nhiều phòng: ghi alias riêng cho từng phòng",
    "en": "{mcu}: the call '{name}' fits several rooms: give each an alias of its own",
}


_CHANGING = {
    "vi": "danh sách cuộc gọi thay đổi liên tục khi đọc: điểm cầu không thấy chưa chắc là vắng",
    "en": "its list of calls kept changing while it was read: a room that is not seen may be in",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    plan_verb.common(parser)
    parser.add_argument(
        "--config", default=DEFAULT_CONFIG, metavar="FILE", help=f"hub.yaml with mcus: (default {DEFAULT_CONFIG})"
    )
    parser.add_argument("--mcu", default="", metavar="ID", help="ask this one only")
    output.argument(parser, "json")
    hub_access.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask MCUs and the hub; 1 when a room is not in or loses packets, 4 when one of those asked does not answer."""
    network, conference = plan_verb.find(args)
    asked, lang = _asked(args, conference.mcus), args.lang or "vi"
    legs, answered, changing = list[tuple[str, Leg]](), list[str](), list[str]()
    for mcu in asked:
        try:
            seen, is_complete = _poll(mcu)
            legs += [(mcu.mcu, leg) for leg in seen]
            answered.append(mcu.mcu)
            if not is_complete:
                changing.append(mcu.mcu)
                print(f"mcu {mcu.mcu}: {_CHANGING[lang]}", file=sys.stderr)
        except (McuTrouble, MachineError) as fault:
            words = (
                str(fault)
                if isinstance(fault, MachineError)
                else f"mcu {mcu.mcu} ({mcu.url.partition('?')[0]}): {fault}"
            )
            print(clean(words, 400), file=sys.stderr)
    checks, hub = _checks(args)
    complete = set(conference.mcus) <= set(answered) and not changing
    matched = beside(network, conference, legs, checks, time.time() * 1000, complete)
    _print(matched, conference.id, answered, args, lang)
    if len(answered) < len(asked) or not hub:
        return UNREACHABLE
    return PROBLEM if any(row.hint in BAD for row in matched.rows) else GOOD


def _asked(args: argparse.Namespace, ids: tuple[str, ...]) -> list[McuConfig]:
    """The MCUs of the conference that the hub's file tells how to ask. Raises `UsageError`, `ConfigError`."""
    config = load_hub(Path(args.config))
    wanted = (args.mcu,) if args.mcu else ids
    known = [mcu for mcu in config.mcus if mcu.mcu in wanted]
    if not known:
        what = f"{clean(args.config, 100)} does not say how to ask {clean(', '.join(wanted), 100)}"
        raise UsageError([Problem("command line", "--mcu", what, "add it to mcus: there (docs/mcu.md)")])
    return known


def _poll(config: McuConfig) -> tuple[list[Leg], bool]:
    """Its calls, and whether none can be missing."""
    adapter = KINDS[config.kind]()
    with McuClient(config) as door:
        return adapter.poll(door.get), adapter.complete


def _checks(args: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """The hub's rows, and whether it answered: without it the MCU's half is still worth seeing."""
    try:
        return list(hub_access.client(args).get("/api/v1/state")["checks"]), True
    except HubUnreachable as fault:
        print(clean(str(fault), 300), file=sys.stderr)
        return [], False


def _print(matched: Matched, id: str, answered: list[str], args: argparse.Namespace, lang: str) -> None:
    if args.output == "json":
        output.print_json(as_json(matched, id, answered, lang))
    else:
        output.print_table(_HEADS[lang], [_cells(row, lang) for row in matched.rows], args, _NONE)
    for mcu, leg in matched.unclear:
        print(_UNCLEAR[lang].format(mcu=clean(mcu, 64), name=clean(leg.name or leg.id, 80)), file=sys.stderr)
    if matched.others:
        print(_OTHERS[lang].format(many=matched.others), file=sys.stderr)


# --- as data ---


def as_json(matched: Matched, id: str, answered: list[str], lang: str) -> dict[str, Any]:
    """Everything; a value nobody reported or measured is absent."""
    return {
        "conference": id,
        "mcus": answered,
        "rooms": [_row(row, lang) for row in matched.rows],
        "unclear": [{"mcu": mcu, **_leg(leg)} for mcu, leg in matched.unclear],
        "others": matched.others,
    }


def _row(beside: RoomReading, lang: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "room": beside.room,
        "name": beside.name,
        "reading": beside.hint,
        "says": _HINTS[beside.hint][lang],
    }
    row |= {"mcu": beside.mcu, "reported": _leg(beside.leg)} if beside.leg else {}
    measured = _measured(beside.measured)
    return row | ({"measured": measured} if measured else {})


def _leg(leg: Leg) -> dict[str, Any]:
    row: dict[str, Any] = {"id": leg.id, "name": leg.name, "conference": leg.conference, "state": leg.state}
    for toward in (FWD, BWD):
        row[f"lost_{toward}_percent"] = leg.loss_percent(toward)
        row[f"jitter_{toward}_ms"] = leg.jitter_ms(toward)
        row[f"rate_{toward}_bps"] = leg.rate_bps(toward)
        row[f"resolution_{toward}"] = leg.resolution(toward) or None
    row |= {"rtt_ms": leg.rtt_ms, "media": list(leg.media)}
    return _present(row)


def _measured(measured: Measured) -> dict[str, Any]:
    if not measured.check:
        return {}
    return _present({
        "check": measured.check, "kind": measured.kind, "outcome": measured.outcome, "lost_fwd_percent": measured.fwd_percent,
        "lost_bwd_percent": measured.bwd_percent, "lost_percent": measured.way_percent, "rtt_ms": measured.rtt_ms,
    })  # fmt: skip


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in values.items()
        if value not in (None, "")
    }


# --- as a table ---


def _cells(row: RoomReading, lang: str) -> list[str]:
    leg, measured = row.leg, row.measured
    none = _of(None, None)
    lost = _of(measured.fwd_percent, measured.bwd_percent)
    if lost == none and measured.way_percent is not None:
        lost = f"{measured.way_percent:.1f} (2)"  # both ways together
    picture = "/".join(leg.resolution(toward) or "-" for toward in (FWD, BWD)) if leg else ""
    rates = [None if leg is None or (bps := leg.rate_bps(toward)) is None else bps / 1e6 for toward in (FWD, BWD)]
    cells = [
        row.name,
        leg.state if leg else "",
        _of(leg.loss_percent(FWD), leg.loss_percent(BWD)) if leg else none,
        lost,
        _of(leg.rtt_ms if leg else None, measured.rtt_ms, 0),
        _of(leg.jitter_ms(FWD), leg.jitter_ms(BWD), 0) if leg else none,
        _of(rates[0], rates[1]),
        picture,
        " ".join(leg.media) if leg else "",
        _HINTS[row.hint][lang],
    ]
    return [clean(cell, 100) for cell in cells]


def _of(first: float | None, second: float | None, digits: int = 1) -> str:
    return "/".join("-" if value is None else f"{value:.{digits}f}" for value in (first, second))
