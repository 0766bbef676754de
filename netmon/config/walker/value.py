"""Single values: a text as what a key wants, with its unit and within its limits. Knows no files, and no YAML, so
that the command line pays for neither.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from netmon.config.walker.shape import Key, item_of, shape_of, words_of
from netmon.config.walker.units import UNITS
from netmon.config.walker.words import either, limit
from netmon.errors import Problem, UsageError
from probes.clean import clean
from probes.errors import ProbeError

T = TypeVar("T")
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,3})?", re.ASCII)
_HIDDEN = "the value"


class Unreadable(ValueError):
    """A value that cannot be read: `what` is wrong, what to `write`."""

    def __init__(self, what: str, write: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.write = write


def stand_in(key: Key, text: str = "") -> Any:
    """A harmless value where there is none to be had: the default, or something empty of the right type."""
    if not key.needed:
        return key.default
    if isinstance(key.type, type) and issubclass(key.type, str):
        return str.__new__(key.type, text)
    if item_of(key.type) is not None:
        return ()
    return key.type() if key.type in (int, float, bool) else None


def scalar(text: str, key: Key) -> Any:
    """A text as the value of a key; raises `Unreadable`."""
    words = words_of(key)
    if words and text not in words:
        near = get_close_matches(text, words, n=1, cutoff=0.6)
        raise Unreadable(f"{_shown(text, key)} is not known", f"did you mean {near[0]}?" if near else say(key))
    value = _convert(text, key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        _within(value, text, key)
    return value


def _convert(text: str, key: Key) -> Any:
    if key.measure is not None:
        return _measured(text, key)
    if key.type in _PLAIN:
        value = _PLAIN[key.type](text)
        if value is None:
            raise Unreadable(f"{_shown(text, key)} is not {_NOUNS[key.type]}", say(key))
        return value
    try:
        return getattr(key.type, "parse", key.type)(text)
    except ValueError as error:  # one that knows what to write says so
        what, write = getattr(error, "what", str(error)), getattr(error, "write", "")
        raise Unreadable(clean(what), write or say(key)) from None


def _measured(text: str, key: Key) -> Any:
    measure = UNITS[key.unit]
    exact = measure.parse(text)
    if exact is None:
        raise Unreadable(f"{_shown(text, key)} is not a {measure.noun}", measure.write)
    if key.type is not int:
        return float(exact)
    if exact != exact.to_integral_value():
        raise Unreadable(f"{_shown(text, key)} is not a whole number of {key.unit}", measure.write)
    return int(exact)


def _within(value: float, text: str, key: Key) -> None:
    if key.low is not None and value < key.low:
        raise Unreadable(f"{_shown(text, key)} is too low", f"write {limit(key.low, key)} or more")
    if key.high is not None and value > key.high:
        raise Unreadable(f"{_shown(text, key)} is too high", f"write {limit(key.high, key)} or less")


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _number(text: str) -> float | None:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


_PLAIN: dict[Any, Callable[[str], Any]] = {
    str: str,
    Path: Path,
    int: _whole,
    float: _number,
    bool: {"true": True, "false": False}.get,
}
_NOUNS = {int: "a whole number", float: "a number"}


def _shown(text: str, key: Key) -> str:
    return _HIDDEN if key.secret else f"'{clean(text, 60)}'"


def say(key: Key) -> str:
    """What to write as a key's value."""
    words = words_of(key)
    if words:
        return f"write {either(words)}"
    if key.measure is not None:
        return key.measure.write
    return getattr(key.type, "write", "") or {int: "write digits, as 5", float: "write digits, as 0.5"}.get(
        key.type, key.meaning
    )


# --- `--set key=value` ---


def parse_settings(pairs: Sequence[str], cls: type[T]) -> T:
    """Settings from `key=value` words (`--set`), the rest by default; raises `UsageError` with all faults."""
    shape, values, problems = shape_of(cls), dict[str, Any](), list[Problem]()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        key = shape.by_name.get(name)
        if key is None:
            problems.append(Problem("--set", clean(name, 60), "unknown key", meant(name, shape.by_name)))
        elif not equals:
            problems.append(Problem("--set", name, "has no value", "write key=value"))
        else:
            try:
                values[key.attribute] = _parse(text, key)
            except Unreadable as error:
                problems.append(Problem("--set", name, error.what, error.write))
    if not problems:
        missing = [key for key in shape.keys if key.needed and key.attribute not in values]
        problems = [Problem("--set", key.name, "is missing", key.meaning) for key in missing]
    if problems:
        raise UsageError(problems)
    try:
        return cls(**values)
    except (ValueError, ProbeError) as error:
        raise UsageError([Problem("--set", "", clean(str(error)))]) from None


def _parse(text: str, key: Key) -> Any:
    """One value; a list is written with commas. Relative paths stay relative (to where we are)."""
    item = item_of(key.type)
    if item is None:
        return scalar(text, key)
    return tuple(scalar(part.strip(), key._replace(type=item)) for part in text.split(",") if part.strip())


def meant(text: str, names: Iterable[str]) -> str:
    """What to write instead of a name nobody knows: the one it may be meant for, or all there are."""
    known = sorted(names)
    near = get_close_matches(text, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def seconds(text: str, where: str = "command line") -> float:
    """A duration with its unit (`60s`, `5m`) in seconds; raises `UsageError`."""
    exact = UNITS["s"].parse(text)
    if exact is None:
        raise UsageError([Problem(where, "", f"'{clean(text, 60)}' is not a duration", UNITS["s"].write)])
    return float(exact)
