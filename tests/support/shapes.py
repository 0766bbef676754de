"""Keys and types of JSON, written down and held against what is printed later."""

from __future__ import annotations

from typing import Any

EITHER = "either"  # the key of {EITHER: [shapes]}: rows of one list differ in kind, as an object and null do


def shape(value: Any) -> Any:
    """An object is its keys, a list the one shape all its rows fit (a key that some lack ends with `?`), else the type."""
    if isinstance(value, dict):
        return {key: shape(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_merged([shape(row) for row in value])] if value else []
    return type(value).__name__


def together(shapes: list[Any]) -> Any:
    """The one shape several fit."""
    return _merged(shapes)


def _merged(shapes: list[Any]) -> Any:
    shapes = [part for row in shapes for part in _parts(row)]
    objects = [row for row in shapes if isinstance(row, dict)]
    lists = [row for row in shapes if isinstance(row, list)]
    kinds: list[Any] = sorted({row for row in shapes if isinstance(row, str)})
    if objects:
        kinds.append(_object(objects))
    if lists:
        rows = [row[0] for row in lists if row]
        kinds.append([_merged(rows)] if rows else [])
    return kinds[0] if len(kinds) == 1 else {EITHER: kinds}


def _parts(one: Any) -> list[Any]:
    return list(one[EITHER]) if isinstance(one, dict) and EITHER in one else [one]


def _object(objects: list[dict[str, Any]]) -> dict[str, Any]:
    merged = {}
    for name in sorted({name.rstrip("?") for row in objects for name in row}):
        there = [row[key] for row in objects for key in (name, name + "?") if key in row]
        is_always = all(name in row for row in objects)
        merged[name if is_always else name + "?"] = _merged(there)
    return merged


CAME_SINCE = {
    "not_sent",  # of an incident: which receivers do not have its page, and why
    "backup_of",  # of a link in the inventory: the one it stands in for
    "conferences",  # of an incident: those it endangers
    *(
        "transport",
        "reports",
        "server_name",
    ),  # of `conferences.settings` in hub.yaml: they were lost on the way to the rooms
    *("keep", "only", "shared"),  # of a rule
    "packs",  # of a rules file: those of netmon's it begins with
    *(
        "siblings",
        "share",
        "outvoted",
        "reopened",
    ),  # of an incident: what fails together, whom nobody believed, how often
    *("version", "acked_until_ms", "assigned"),  # of an incident: in whose hands it is, and which version of it that is
    "ack_for",  # of hub.yaml: how long an ack lasts
    "hands",  # of a receiver: it hears who took an incident in hand
    *("last_resort", "LastResortConfig", "silent"),  # of agent.yaml: whom the agent itself tells when no hub answers
    "do",  # of an incident: what to do first
    *("kinds", "carriers", "owners", "every_s", "lasts_s"),  # of a silence: which incidents it is about, and when again
    *(
        "people",
        "PersonConfig",
        "heartbeat",
        "HeartbeatConfig",
    ),  # of hub.yaml: who may be on duty, and who watches the hub
    *(
        "kind",
        "to",
        "from",
        "user",
        "tls",
        "ca_file",
        "facility",
        "method",
        "content_type",
        "body",
        "accepted",
        "max_parts",
        "lang",
        "elements",
        "provinces",
        "hours",
        "after",
        "repeat",
        "budget",
        "rota",
        "rota_from",
        "test_at",
    ),  # of a receiver: other ways than the webhook, and whom it is told of when
    "default",  # of a key that needed to be written: `url` and `secret_file` of a receiver
}


def kept(before: Any, now: Any) -> Any:
    """`now` without keys that came since, and with the words of `before` where they only describe."""
    if isinstance(before, dict) and isinstance(now, dict):
        inside = {
            name: kept(before.get(name), value) for name, value in now.items() if name not in CAME_SINCE - before.keys()
        }
        if set(now.get("required", ())) < set(before.get("required", ())):  # files of before are good all the same
            inside["required"] = before["required"]
        if set(now.get("enum", ())) > set(before.get("enum", ())):  # words a key may be that came since
            inside["enum"] = before["enum"]
        return inside | ({"description": before["description"]} if "description" in before.keys() & now.keys() else {})
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [kept(*pair) for pair in zip(before, now, strict=True)]
    return now


def misfits(before: Any, now: Any, at: str = "") -> list[str]:
    """Where a shape of now is none of before: keys that came or went, values of another type. A whole number may stand
    where one with a fraction did, and nothing where something did only if it was so before."""
    wrong = list[str]()
    for part in _parts(now):
        faults = [_misfits(known, part, at) for known in _parts(before)]
        wrong += sorted(faults, key=len)[0]
    return wrong


def _misfits(before: Any, now: Any, at: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        return _of_object(before, now, at)
    if isinstance(before, list) and isinstance(now, list):
        return misfits(before[0], now[0], at + "[]") if before and now else []
    is_same = before == now or (before, now) == ("float", "int")
    return [] if is_same else [f"{at} is {now}, was {before}"]


def _of_object(before: dict[str, Any], now: dict[str, Any], at: str) -> list[str]:
    known, given = ({name.rstrip("?"): name for name in table} for table in (before, now))
    wrong = [f"{at}.{name} is new" for name in sorted(given.keys() - known.keys() - CAME_SINCE)]
    for name, told in known.items():
        if name in given:
            wrong += misfits(before[told], now[given[name]], f"{at}.{name}")
        if not told.endswith("?") and given.get(name) != name:
            wrong.append(f"{at}.{name} is missing")
    return wrong
