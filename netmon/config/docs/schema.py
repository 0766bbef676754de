"""JSON Schema (2020-12) of a file, from its declaration: editors complete and underline with it."""

from __future__ import annotations

from typing import Any

from netmon.config.agent import CheckConfig
from netmon.config.roles import ROLES, kinds
from netmon.config.walker.shape import Key, item_of, record_of, shape_of, words_of
from netmon.config.walker.words import said
from probes.base import Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[Any, str] = {bool: "boolean", int: "integer", float: "number"}
Json = dict[str, Any]


def schema(role: str) -> Json:
    """The schema of a role's file."""
    defs: dict[str, Json] = {}
    root = _table(ROLES[role].shape, defs)
    title = {"$schema": DIALECT, "title": ROLES[role].file, "description": ROLES[role].what}
    return title | root | ({"$defs": defs} if defs else {})


def _table(cls: type[Any], defs: dict[str, Json]) -> Json:
    keys = shape_of(cls).keys
    table: Json = {
        "type": "object",
        "properties": {key.name: _key(key, defs) for key in keys},
        "required": [key.name for key in keys if key.needed],
        "additionalProperties": False,
    }
    if cls is CheckConfig:  # a kind's settings stand beside a check's own keys
        del table["additionalProperties"]
        table["allOf"] = [_kind(kind, defs) for kind in kinds()]
        table["unevaluatedProperties"] = False
    return table


def _kind(kind: Kind, defs: dict[str, Json]) -> Json:
    is_kind = {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}
    keys = [key for key in shape_of(kind.settings).keys if key.name != "every"]
    then: Json = {"properties": {key.name: _key(key, defs) for key in keys}}
    needed = [key.name for key in keys if key.needed]
    return {"if": is_kind, "then": then | ({"required": needed} if needed else {})}


def _key(key: Key, defs: dict[str, Json]) -> Json:
    json = _value(key, defs) | {"description": key.meaning}
    if key.stated and record_of(key.type) is None:
        json["default"] = said(key.default, key)
    return json


def _value(key: Key, defs: dict[str, Json]) -> Json:
    item = item_of(key.type)
    if item is not None:
        return {"type": "array", "items": _value(key._replace(type=item), defs)}
    record = record_of(key.type)
    if record is not None:
        if record.__name__ not in defs:
            defs[record.__name__] = {}  # its place in the order, before what it holds
            defs[record.__name__] = _table(record, defs)
        return {"$ref": f"#/$defs/{record.__name__}"}
    if key.measure is not None:
        return {"type": "string", "pattern": key.measure.pattern}
    if key.type in _TYPES:
        return {"type": _TYPES[key.type], **_limits(key)}
    words = words_of(key)
    return {"type": "string", "enum": list(words)} if words else {"type": "string"}


def _limits(key: Key) -> Json:
    limits = {"minimum": key.low, "maximum": key.high}
    return {name: limit for name, limit in limits.items() if limit is not None}
