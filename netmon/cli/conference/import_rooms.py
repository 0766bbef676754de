"""`netmon conference import`: the list of rooms an office sent → what to add to the inventory, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inventory.check import faults
from inventory.codes import SAY_NAME, is_name
from inventory.conferences import faults_of
from inventory.errors import InventoryFault
from inventory.model import PROFILES_BPS, Conference, Inventory
from inventory.timestamp import BadTimestamp, Timestamp
from netmon.conference.sheet import file as sheet_file
from netmon.conference.sheet import importer
from netmon.conference.sheet.importer import ConferenceHead, ImportResult
from netmon.conference.sheet.messages import Remark
from netmon.config import write
from netmon.config.walker.words import for_people
from netmon.errors import GOOD, PROBLEM, Problem, UsageError
from netmon.load import inventory as inventory_file
from probes.clean import clean

_DONE = {
    "vi": "{rooms} điểm cầu, trong đó {new} mới; {left} dòng không nhận; {notes} lưu ý",
    "en": "{rooms} rooms, {new} of them new; {left} rows left out; {notes} remarks",
}
_NO_INVENTORY = {
    "vi": "không có --inventory: điểm đặt được gọi là cMÃXÃ, pMÃTỈNH; tên và mã chưa được đối chiếu",
    "en": "without --inventory sites are called cCODE and pCODE; names and codes were held against nothing",
}
_LEFT_OUT = {"vi": "KHÔNG NHẬN", "en": "LEFT OUT"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The word's own options."""
    parser.add_argument("file", metavar="FILE", help="the list: CSV or XLSX")
    parser.add_argument("--conference", required=True, metavar="ID", help="id of the conference to make")
    parser.add_argument("--name", default="", help="its name for people")
    parser.add_argument("--starts", required=True, metavar="TIME", help="as 2026-12-01T08:00:00+07:00")
    parser.add_argument("--ends", required=True, metavar="TIME")
    parser.add_argument("--mcu", required=True, metavar="ID", action="append", help="its MCU; may be given again")
    parser.add_argument("--profile", choices=tuple(PROFILES_BPS), default="conf-1080p")
    parser.add_argument("--inventory", default="", metavar="FILE", help="hold names, codes and ids against it")
    parser.add_argument("--sheet", default="", metavar="NAME", help="which sheet of an XLSX with several lists")
    parser.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml")


def run(args: argparse.Namespace) -> int:
    """Print what to add to the inventory; 1 when a row was left out, or there is no room at all."""
    meeting, lang = _meeting(args), args.lang or "vi"
    known = inventory_file.load(Path(args.inventory)).inventory if args.inventory else None
    _hold(meeting, known)
    read = sheet_file.read(Path(args.file), args.sheet)
    taken = importer.take(read.rows, read.heading, meeting, known)
    taken = taken._replace(remarks=(*read.notes, *taken.remarks))
    _hold(meeting, known, taken)
    print(_as_json(taken, lang) if args.output == "json" else _as_yaml(taken), end="")
    _tell(taken, args, lang)
    return PROBLEM if taken.left_out or taken.conference is None else GOOD


def _meeting(args: argparse.Namespace) -> ConferenceHead:
    """What the arguments say of the conference. Raises `UsageError` with all that is wrong."""
    wrong, times = list[Problem](), dict[str, Timestamp]()
    for option, text in (("--conference", args.conference), *(("--mcu", mcu) for mcu in args.mcu)):
        if not is_name(text):
            wrong.append(Problem("command line", option, f"'{clean(text, 60)}' cannot be used here", SAY_NAME))
    for option in ("starts", "ends"):
        try:
            times[option] = Timestamp.parse(getattr(args, option))
        except BadTimestamp as fault:
            wrong.append(Problem("command line", f"--{option}", clean(fault.what), fault.write))
    if wrong:
        raise UsageError(wrong)
    name = for_people(args.name)
    return ConferenceHead(args.conference, name, times["starts"], times["ends"], tuple(args.mcu), args.profile)


def _hold(meeting: ConferenceHead, known: Inventory | None, taken: ImportResult | None = None) -> None:
    """What is made must be good where it will stand; at first, before a sheet is read, the conference alone."""
    rooms = taken.rooms if taken else ()
    contacts = taken.contacts if taken else ()
    conference = (taken.conference if taken else None) or Conference(
        id=meeting.id, starts=meeting.starts, ends=meeting.ends, mcus=meeting.mcus,
        rooms=tuple(room.id for room in known.rooms[:1]) if known else (),
    )  # fmt: skip
    if known is None:
        problems: Iterable[InventoryFault] = faults_of(
            Inventory(hub_site="", sites=(), rooms=rooms, conferences=(conference,))
        )
    else:
        problems = faults(
            replace(
                known,
                contacts=(*known.contacts, *contacts),
                rooms=(*known.rooms, *rooms),
                conferences=(*known.conferences, conference),
            )
        )
    has_rooms = taken is not None and taken.conference is not None  # without one, its rows say why, and exit 1
    wrong = [
        problem
        for problem in problems
        if has_rooms or not (problem.record is conference and problem.key.endswith("rooms"))
    ]
    if wrong:
        raise UsageError(
            [Problem("command line", _key(problem), clean(problem.what, 400), problem.write) for problem in wrong]
        )


def _key(fault: InventoryFault) -> str:
    return "conference." + fault.key.rpartition("].")[2] if fault.key.startswith("conferences[") else fault.key


def _lists(taken: ImportResult) -> dict[str, Any]:
    conferences = () if taken.conference is None else (taken.conference,)
    return {"contacts": taken.contacts, "rooms": taken.rooms, "conferences": conferences}


def _as_yaml(taken: ImportResult) -> str:
    return "".join(f"{line}\n" for line in write.lines(_lists(taken)))


def _as_json(taken: ImportResult, lang: str) -> str:
    whole: dict[str, Any] = {name: list(map(write.plain, rows)) for name, rows in _lists(taken).items()}
    whole["left_out"] = [_row(remark, lang) for remark in taken.remarks if remark.left_out]
    whole["notes"] = [_row(remark, lang) for remark in taken.remarks if not remark.left_out]
    return json.dumps(whole, ensure_ascii=False) + "\n"


def _row(remark: Remark, lang: str) -> dict[str, Any]:
    return {
        "row": remark.row,
        "column": remark.column,
        "fault": remark.code,
        "what": remark.what(lang),
        "write": remark.write(lang),
    }


def _tell(taken: ImportResult, args: argparse.Namespace, lang: str) -> None:
    """Rows left out first, then what deserves a look."""
    file = clean(args.file, 200)
    for remark in sorted(taken.remarks, key=lambda remark: (not remark.left_out, remark.row)):
        mark = f"{_LEFT_OUT[lang]} " if remark.left_out else ""
        print(f"{mark}{file}: {remark.line(lang)}", file=sys.stderr)
    if not args.inventory:
        print(_NO_INVENTORY[lang], file=sys.stderr)
    rooms = len(taken.conference.rooms) if taken.conference else 0
    notes = len(taken.remarks) - taken.left_out
    print(_DONE[lang].format(rooms=rooms, new=len(taken.rooms), left=taken.left_out, notes=notes), file=sys.stderr)
