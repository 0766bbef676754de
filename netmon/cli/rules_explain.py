"""Why an incident was said, from the hub's rows: who spoke against it, who was outvoted, whom it stands for, who has no page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netmon.cli import incidents_told as told

Row = dict[str, Any]
_LINES = {
    "vi": {
        "what": "{id}: {element} ({kind}, {severity}, {state})",
        "against": "Bị báo vì {against} phép đo cùng chỉ vào phần tử này; {clear} phép đo cho thấy phần tử này vẫn tốt.",
        "suspects": "Không phân biệt được với: {names}.",
        "outvoted": "Ý kiến bị bác: {names}.",
        "also": "Không báo riêng, là hệ quả: {names}.",
        "children": "Đã gộp vào sự cố này: {names}.",
        "took_in": "{at} gộp {id} ({element}, {kind}) vào đây: phần tử này giải thích mọi điều còn tố cáo nó, nên không báo riêng nữa.",
        "part_of": "Đã gộp vào sự cố {superseded_by}, nên không báo riêng nữa.",
        "not_sent": "Không gửi cho {receiver}: {reason}. {detail}",
        "sent": "Đã gửi cho mọi nơi nhận đăng ký.",
    },
    "en": {
        "what": "{id}: {element} ({kind}, {severity}, {state})",
        "against": "Told because {against} checks accuse it together; {clear} checks find it well.",
        "suspects": "It cannot be said apart from: {names}.",
        "outvoted": "Outvoted: {names}.",
        "also": "Not said by themselves, for they follow from it: {names}.",
        "children": "Became part of it: {names}.",
        "took_in": "{at} took in {id} ({element}, {kind}): this element explains all that still accuses it, so it has no page of its own any more.",
        "part_of": "It became part of {superseded_by}, and is said no more by itself.",
        "not_sent": "Not sent to {receiver}: {reason}. {detail}",
        "sent": "Every receiver that wants it has it.",
    },
}  # fmt: skip


def facts(row: Row, rows: Sequence[Row], whole: Row | None = None) -> Row:
    """What there is to say of one incident. `rows`: all the hub knows; `whole`: its timeline and what was seen around it."""
    evidence = row["evidence"]
    return {
        "id": row["id"],
        "element": row["element"],
        "kind": row["kind"],
        "severity": row["severity"],
        "state": row["state"],
        "against": evidence["against"],
        "clear": evidence["clear"],
        "suspects": row["suspects"],
        "outvoted": evidence.get("outvoted", []),
        "also": evidence.get("also", []),
        "children": [other["id"] for other in rows if other.get("superseded_by") == row["id"]],
        "superseded_by": row.get("superseded_by"),
        "not_sent": row["not_sent"],
        "took_in": _took_in(whole or {}),
        "pictures": (whole or {}).get("pictures", []),
    }


def _took_in(whole: Row) -> list[Row]:
    entries = (entry for entry in whole.get("timeline", ()) if entry["what"] == "took-in")
    return [{**entry["facts"], "at_ms": entry["at_ms"]} for entry in entries]


def lines(explained: Row, lang: str) -> list[str]:
    """The same in sentences."""
    words = _LINES[lang]
    said = [words["what"].format(**explained), words["against"].format(**explained)]
    for key in ("suspects", "outvoted", "also", "children"):
        if explained[key]:
            said.append(words[key].format(names=", ".join(map(_named, explained[key]))))
    said += [words["took_in"].format(**child, at=told.moment(child["at_ms"])) for child in explained["took_in"]]
    said += [told.seen(picture, lang) for picture in explained["pictures"]]
    if explained["superseded_by"]:
        said.append(words["part_of"].format(**explained))
    said += [words["not_sent"].format(**_reason(reason)) for reason in explained["not_sent"]]
    return said if explained["not_sent"] or explained["superseded_by"] else [*said, words["sent"]]


def _named(what: Any) -> str:
    return (
        what
        if isinstance(what, str)
        else " ".join(str(part) for part in (what.values() if isinstance(what, dict) else what))
    )


def _reason(reason: Row) -> Row:
    return {
        "receiver": reason.get("receiver", ""),
        "reason": reason.get("reason", ""),
        "detail": reason.get("detail", ""),
    }
