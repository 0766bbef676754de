"""A decoded file as it takes effect: every key, what is the default marked. Secrets are not shown; files they stand in are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from netmon.config.walker.decode import Reader
from netmon.config.walker.shape import Key, item_of, record_of, shape_of
from netmon.config.walker.words import Said, as_item, said, yaml_of

HIDDEN = "(not shown)"
_HOST = re.compile(r"(?:\[[^\]@]*\]|[^\[\]:@/?#]*)(?::\d*)?(?=[/?#]|$)")
_WITH_PASSWORD = re.compile(r"(?!(?:sips?|h323|tel|mailto):[^:@]*@)[^\s@]+:[^\s@]\S*@\S+")  # without https://
_KIND_SETTINGS = "settings"  # of a check: stand beside its own keys


class Shown(NamedTuple):
    """One key: its value is said, a record's rows, or a list of either. `default`: nobody wrote it."""

    name: str
    value: Any
    default: bool


def rows(record: Any, reader: Reader) -> list[Shown]:
    """A record's keys with their effective values."""
    table = reader.table_of(record)
    entries = set() if table is None else {entry.key for entry in table.entries}
    shown = [_shown(key, record, reader, entries) for key in shape_of(type(record)).keys]
    settings = getattr(record, _KIND_SETTINGS, None)
    known = {key.name for key in shown}
    if settings is not None and _KIND_SETTINGS not in known:
        shown += [key for key in rows(settings, reader) if key.name not in known]
    return shown


def _shown(key: Key, record: Any, reader: Reader, entries: set[str]) -> Shown:
    value = getattr(record, key.attribute)
    default = key.name not in entries
    if value is None:
        return Shown(key.name, None, default)
    if record_of(key.type) is not None:
        many = item_of(key.type) is not None
        return Shown(key.name, [rows(element, reader) for element in value] if many else rows(value, reader), default)
    if key.secret and not key.is_path:
        return Shown(key.name, HIDDEN, default)
    return Shown(key.name, _address(said(value, key)), default)


def _address(value: Said) -> Said:
    """An address without what often holds a secret: user and password, query and fragment. A password may hold any of
    the signs that part an address: where there is one, everything before the last @ is left out."""
    if isinstance(value, list):
        return [_address(element) for element in value]
    if not isinstance(value, str):
        return value
    scheme, mark, rest = value.partition("://")
    if not mark:
        return f"{HIDDEN}@{value.rpartition('@')[2]}" if _WITH_PASSWORD.fullmatch(value) else value
    user = ""
    if "@" in re.split(r"[?#]", rest, maxsplit=1)[0] or ("@" in rest and not _HOST.match(rest)):
        user, rest = f"{HIDDEN}@", rest.rpartition("@")[2]
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    query = rest[len(place) :]
    return f"{scheme}://{user}{place}{query[:1]}{HIDDEN if query else ''}"


def lines(shown: list[Shown], indent: str = "") -> Iterator[str]:
    """As YAML that netmon would read again; `# default` behind what nobody wrote."""
    for key in shown:
        mark = "  # default" if key.default else ""
        match key.value:
            case None | "" if key.default:
                yield f"{indent}# {key.name}: not set"
            case [Shown(), *_]:
                yield f"{indent}{key.name}:{mark}"
                yield from lines(key.value, indent + "  ")
            case [list(), *_]:
                yield f"{indent}{key.name}:{mark}"
                for item in key.value:
                    yield from as_item(list(lines(item, indent + "    ")), indent)
            case value:
                yield f"{indent}{key.name}: {yaml_of(value)}{mark}"


def plain(shown: list[Shown]) -> dict[str, Any]:
    """As JSON holds it: `{key: {"value": …, "default": true}}`."""
    return {key.name: {"value": _plain(key.value), "default": key.default} for key in shown}


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], Shown):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value
