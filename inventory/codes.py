"""Administrative codes and ids: the keys of everything. Names are for people and are never keys."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SAY_NAME = "write letters, digits, . _ and -, at most 64, beginning with a letter or digit"
_COMMUNE, _PROVINCE = re.compile(r"[0-9]{5}"), re.compile(r"[0-9]{2}")


def is_name(text: str) -> bool:
    """May it be an id? Ids become tags, parts of addresses and names of files."""
    return NAME.fullmatch(text) is not None


def is_commune(text: str) -> bool:
    """Five digits, leading zeros kept (`00123`)."""
    return _COMMUNE.fullmatch(text) is not None


def is_province(text: str) -> bool:
    """Two digits (`01`)."""
    return _PROVINCE.fullmatch(text) is not None
