"""docs/probes.md: every probe kind with its settings and values, from the declarations in the code."""

from __future__ import annotations

from collections.abc import Iterator

from netmon.config.docs.markdown import default_of, table
from netmon.config.roles import kinds
from netmon.config.walker.shape import Key, shape_of
from netmon.config.walker.words import kind_of, limits_of
from netmon.fields import OUTCOME, PREFIX
from probes.base import Field, Kind

_HEAD = """\
# Probe kinds: settings and values

Made from the declarations in the code by `make docs`: change those, not this page.

A setting stands beside a check's own keys, or after `--set` of `netmon probe KIND TARGET`. A value is a field of the
measurement `netmon_KIND`, and a key of `values` in what `netmon probe … -o json` prints; one that was not measured is absent.
*Always* is a value every point carries when it was measured; *on request* is one a check names under `also`. Every point has
`outcome` besides: {outcome}.
Which answer is which outcome, and what a kind needs, stands on the page of its own that each section names.
"""
_SETTINGS = ("setting", "value", "default", "limits", "meaning")
_VALUES = ("value", "unit", "type", "sent", "meaning")


def page() -> str:
    """The whole of docs/probes.md."""
    every = list(kinds())
    links = "\n".join(f"- [`{kind.name}`](#{kind.name}): {kind.meaning}" for kind in every)
    head = _HEAD.format(outcome=OUTCOME.meaning.partition(": ")[2])
    return "\n".join([head, f"{links}\n", *map(_section, every)])


def _section(kind: Kind) -> str:
    said = f"{kind.meaning[:1].upper()}{kind.meaning[1:]}. " if kind.meaning else ""
    about = f"{said}Measurement `{PREFIX}{kind.name}`; [more of it](probes/{kind.name}.md)."
    settings, values = table(_SETTINGS, map(_setting, shape_of(kind.settings).keys)), table(_VALUES, _values(kind))
    return f"## {kind.name}\n\n{about}\n\n{settings}\n{values}"


def _setting(key: Key) -> tuple[str, ...]:
    return f"`{key.name}`", kind_of(key), default_of(key), limits_of(key), key.meaning


def _values(kind: Kind) -> Iterator[tuple[str, ...]]:
    for field in kind.fields:
        name = f"`{field.name}N`" if field.repeated else f"`{field.name}`"
        yield name, field.unit, field.type, _sent(field), field.meaning


def _sent(field: Field) -> str:
    """When points carry it: for a kind with several sorts of points, on which."""
    when = "always" if field.default else "on request"
    return f"{when}, of {', '.join(field.of)}" if field.of else when
