"""Records put into a file's words: the lists of an inventory as YAML that netmon reads again, or as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netmon.config.walker.shape import Key, item_of, shape_of
from netmon.config.walker.words import said, written, yaml_of

IN_A_LINE = 8  # values of a list that stand in one line


def lines(lists: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Each list under its key; empty ones are left out, and so is what has its default."""
    for name, records in lists.items():
        if records:
            yield f"{name}:"
        for record in records:
            for at, line in enumerate(line for key in _told(record) for line in _key(record, key)):
                yield f"  {'  ' if at else '- '}{line}"


def plain(record: Any) -> dict[str, Any]:
    """A record under a file's keys: values as a file would say them."""
    out: dict[str, Any] = {}
    for key in _told(record):
        value, item = getattr(record, key.attribute), item_of(key.type)
        one = key if item is None else key._replace(type=item)
        out[key.name] = said(value, one) if item is None else [said(each, one) for each in value]
    return out


def _told(record: Any) -> list[Key]:
    keys = shape_of(type(record)).keys
    return [key for key in keys if key.needed or getattr(record, key.attribute) != key.default]


def _key(record: Any, key: Key) -> Iterator[str]:
    value, item = getattr(record, key.attribute), item_of(key.type)
    if item is None or len(value) <= IN_A_LINE:
        yield f"{key.name}: {written(value, key)}"
        return
    yield f"{key.name}:"
    for one in value:
        yield f"  - {yaml_of(said(one, key._replace(type=item)))}"
