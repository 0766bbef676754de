"""A dataclass seen as keys of a file: the one reading of `probes.settings` metadata that decoder, schema, sample,
documents and `config show` share."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from netmon.config.walker.units import UNITS, Unit

_PATH_ENDS = ("_file", "_dir", "_folder", "_socket")
NO_DEFAULT = MISSING


class Key(NamedTuple):
    """One key: `name` in the file, `attribute` in the dataclass, `type` without `None`, and what its metadata says."""

    name: str
    attribute: str
    type: Any
    default: Any  # `NO_DEFAULT` when the key must be written
    meaning: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    secret: bool
    filled: bool = False

    @property
    def measure(self) -> Unit | None:
        """How its value is written when it has a unit that must be written."""
        return UNITS.get(self.unit)

    @property
    def is_path(self) -> bool:
        """Whether its value names a file or folder, relative to the file it stands in."""
        return self.unit == "path" or self.attribute.endswith(_PATH_ENDS)

    @property
    def needed(self) -> bool:
        """Whether the key must be written."""
        return self.default is NO_DEFAULT

    @property
    def stated(self) -> bool:
        """Whether its default is a value one could write; one outside the limits stands for what the meaning says."""
        measured = isinstance(self.default, int | float) and self.low is not None
        return not self.needed and self.default is not None and not (measured and self.default < (self.low or 0))


@dataclass(frozen=True, slots=True)
class RecordShape:
    """All keys of a dataclass in order; `place`: it has an attribute `where`, filled with file:line."""

    type: type[Any]
    keys: tuple[Key, ...]
    by_name: dict[str, Key]
    place: bool


def shape_of(cls: type[Any]) -> RecordShape:
    """The shape of a dataclass. Fields without a meaning are no keys of a file, nor is one of type `Any`."""
    return _shape_of(typing.cast(typing.Hashable, cls))


@cache
def _shape_of(cls: Any) -> RecordShape:
    hints = typing.get_type_hints(cls)
    keys = tuple(key_of(field, hints[field.name]) for field in fields(cls) if _is_key(field, hints[field.name]))
    place = any(field.name == "where" and "meaning" not in field.metadata for field in fields(cls))
    return RecordShape(cls, keys, {key.name: key for key in keys}, place)


def _is_key(field: Field[Any], hint: Any) -> bool:
    return "meaning" in field.metadata and hint is not Any


def key_of(field: Field[Any], hint: Any) -> Key:
    """A dataclass field as a key."""
    meta = field.metadata
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return Key(
        name=meta.get("key") or field.name,
        attribute=field.name,
        type=without_none(hint),
        default=default,
        meaning=meta.get("meaning", ""),
        unit=meta.get("unit", ""),
        low=meta.get("low"),
        high=meta.get("high"),
        choices=tuple(meta.get("choices", ())),
        secret=bool(meta.get("secret", False)),
        filled=bool(meta.get("filled", False)),
    )


def without_none(hint: Any) -> Any:
    """`X` of `X | None`; other types as they are."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        left = [inner for inner in typing.get_args(hint) if inner is not type(None)]
        if len(left) != 1:
            raise TypeError(f"{hint} cannot be read from a file: one type a key")
        return left[0]
    return hint


def item_of(hint: Any) -> Any | None:
    """`T` of `tuple[T, ...]`, None for what is no list."""
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0]
    return None


def mapped_of(hint: Any) -> Any | None:
    """`T` of `Mapping[str, T]`, None for what is no table with keys of people's own."""
    if typing.get_origin(hint) is Mapping:
        return typing.get_args(hint)[1]
    return None


def words_of(key: Key) -> tuple[str, ...]:
    """The only words a key's value may be: its choices, or its type's (`Literal`, bool)."""
    hint = item_of(key.type) or key.type
    if typing.get_origin(hint) is Literal:
        return tuple(map(str, typing.get_args(hint)))
    return ("true", "false") if hint is bool else key.choices


def record_of(hint: Any) -> type[Any] | None:
    """The dataclass a key holds, itself or a list of; None when it holds plain values."""
    inner = item_of(hint) or hint
    return inner if isinstance(inner, type) and is_dataclass(inner) else None
