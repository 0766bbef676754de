"""What a rehearsal tells people: the page's `conference` object, whether it is worth a page, and for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from alerts.notify import webhook
from alerts.route import Recipient
from netmon import readiness
from netmon.hub.conference.schedule import PlannedStage
from netmon.hub.outbox_table import NewPage
from netmon.readiness import RunResult

MAX_ROWS = 200
SEVERITY = "warning"
_SHORT = ("room", "name", "state", "rung")
_ROW = (
    "room", "name", "province", "commune", "state", "rung", "outcome", "why", "owner", "contact", "phone", "do", "cause",
    "as_of",
)  # fmt: skip
Row = dict[str, Any]


def page_object(run: PlannedStage, result: RunResult, before: RunResult | None, owner: str, at_ms: int) -> Row:
    """The `conference` object. `before`: the last run that could be made, None at first; `owner`: its MCU's."""
    failed = str(result.get("failed", ""))
    change = readiness.delta(before, result) if not failed else {"worse": [], "better": [], "still": []}
    bad = [row for row in result["rooms"] if not readiness.is_good(row)]
    name = run.name or run.conference
    lines = {lang: readiness.line(lang, name, run.stage, result, change, failed) for lang in ("vi", "en")}
    return {
        "id": run.conference,
        "name": run.name,
        "owner": owner,
        "stage": run.stage,
        "starts_ms": round(run.starts_s * 1000),
        "starts": webhook.iso(round(run.starts_s * 1000)),
        "at_ms": at_ms,
        "at": webhook.iso(at_ms),
        "light": bool(result.get("light")),
        "failed": failed,
        "summary": dict(result["summary"]),
        "delta": {"first": before is None} | _changes(change),
        "causes": [dict(cause) for cause in result["causes"][:MAX_ROWS]],
        "rooms": [{key: row[key] for key in _ROW if key in row} for row in bad[:MAX_ROWS]],
        "rooms_not_shown": max(0, len(bad) - MAX_ROWS),
        **lines,
    }


def _changes(change: Mapping[str, Sequence[Mapping[str, Any]]]) -> Row:
    changes: Row = {}
    for key in ("worse", "better", "still"):
        changes[key] = [{name: row[name] for name in _SHORT} for row in change[key][:MAX_ROWS]]
        changes[f"{key}_count"] = len(change[key])
    return changes


def is_worth_it(about: Mapping[str, Any], *, first: bool, last: bool) -> bool:
    """The first stage and the last are always told, those between when something changed or is not ready."""
    delta = about["delta"]
    changed = any(delta[f"{key}_count"] for key in ("worse", "better", "still"))
    return first or last or bool(about["failed"]) or changed


def pages(
    about: Row,
    result: RunResult,
    before: RunResult | None,
    receivers: Iterable[Recipient],
    hub: str,
    lang: str,
    stage_key: str,
) -> list[NewPage]:
    """One for each receiver that wants warnings and has no owners, or one of those concerned; whom only the run `before`
    concerned is told that it is over for him. Ids come from the stage: the same after every restart."""
    good = not about["failed"] and not about["rooms"]
    now = _concerned(result) | {about["owner"]}
    was = _concerned(before) if before and not about["failed"] else set()
    owed = list[NewPage]()
    for to in receivers:
        is_told = not to.owners or not now.isdisjoint(to.owners)
        if (
            to.elements or to.carriers or to.provinces or to.after_s
        ):  # it asks for elements, or is the next to be called
            continue
        if SEVERITY not in to.severities or not (is_told or not was.isdisjoint(to.owners)):
            continue
        status: Literal["firing", "resolved"] = "resolved" if good or not is_told else "firing"
        id = webhook.page_id(stage_key, to.name, "firing")
        body = webhook.conference_body(about, status, to.name, hub, lang)
        owed.append(NewPage(id, stage_key, to.name, status, body))
    return owed


def _concerned(result: RunResult) -> set[str]:
    """Whose the rooms that are not ready and the causes of a run are: all of them, also those a page has no room for."""
    owners = {str(row.get("owner", "")) for row in result["rooms"] if not readiness.is_good(row)}
    for cause in result["causes"]:
        owners |= {str(cause.get("owner", "")), str(cause.get("carrier", ""))}
    return owners - {""}
