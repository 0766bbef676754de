"""Any value of a PER type: what the tables allow, drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

from probes.wire.h323 import per

_MOST_TEXT = 24


def any_value(kind: Any, rng: random.Random) -> Any:
    """A value that `per.encode` takes. What has no type in the tables is never drawn."""
    return _MAKERS[type(kind)](kind, rng)


def _length(kind: Any, rng: random.Random) -> int:
    high = kind._high if kind._high is not None else _MOST_TEXT
    return rng.randint(kind._low, max(kind._low, min(high, _MOST_TEXT)))


def _choice(kind: Any, rng: random.Random) -> Any:
    named = [(name, one) for name, one in (*kind._root, *(kind._more or ())) if one is not None and one is not per.REST]
    name, one = rng.choice(named)
    return name, any_value(one, rng)


def _fields(kind: Any, rng: random.Random) -> Any:
    out = {}
    for name, optional, one in kind._root:
        if one is not None and not (optional and rng.random() < 0.5):
            out[name] = any_value(one, rng)
    for name, one in kind._more or ():
        if one is not None and rng.random() < 0.5:
            out[name] = any_value(one, rng)
    return out


def _text(kind: Any, rng: random.Random) -> str:
    return "".join(rng.choices(kind._alphabet or "abcxyz.@:019-", k=_length(kind, rng)))


_MAKERS: dict[type, Any] = {
    per.Null: lambda kind, rng: None,
    per.Boolean: lambda kind, rng: rng.random() < 0.5,
    per.Whole: lambda kind, rng: kind._low + rng.randrange(kind._span),
    per.Octets: lambda kind, rng: bytes(rng.randint(1, 255) for _ in range(_length(kind, rng))),  # a zero ends a text
    per.Ia5Text: _text,
    per.Bmp: lambda kind, rng: "".join(rng.choices("aZ09 ấờ界", k=_length(kind, rng))),
    per.Oid: lambda kind, rng: (0, rng.randrange(40), *[rng.randrange(40_000) for _ in range(rng.randrange(4))]),
    per.Items: lambda kind, rng: [any_value(kind._kind, rng) for _ in range(rng.randrange(4))],
    per.Choice: _choice,
    per.Fields: _fields,
}
