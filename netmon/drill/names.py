"""Names with `*` (any text) and `?` (one sign), as scenarios use them for elements, agents and checks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is meant by one of the patterns."""
    return any(_compiled(pattern).fullmatch(name) for pattern in patterns)


def matching(names: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that one of the patterns means, in their order."""
    wanted = tuple(patterns)
    return tuple(name for name in names if fits(name, wanted))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)
