"""Records put into a file's words: the lists of an inventory as YAML that netmon reads again, or as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netmon.config.walker.shape import Key, shape_of
from netmon.config.walker.words import said, yaml_of

IN_A_LINE = 8  # values of a list that stand in one line


def lines(lists: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Each list under its key; empty ones are left out, and so is what has its default."""
    for name, records in lists.items():
        if records:
            yield f"{name}:"
        for record in records:
            for at, line in enumerate(line for key in _written(record) for line in _key(record, key)):
                yield f"  {'  ' if at else '- '}{line}"


def plain(record: Any) -> dict[str, Any]:
    """A record under a file's keys: values as a file would say them."""
    return {key.name: said(getattr(record, key.attribute), key) for key in _written(record)}


def _written(record: Any) -> list[Key]:
    keys = shape_of(type(record)).keys
    return [key for key in keys if key.needed or getattr(record, key.attribute) != key.default]


def _key(record: Any, key: Key) -> Iterator[str]:
    value = said(getattr(record, key.attribute), key)
    if not isinstance(value, list) or len(value) <= IN_A_LINE:
        yield f"{key.name}: {yaml_of(value)}"
        return
    yield f"{key.name}:"
    for element in value:
        yield f"  - {yaml_of(element)}"
