"""What a condition is once it is read (`alerts.language.parse`): typed nodes, and the ways through them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.language.vocabulary import Type


@dataclass(frozen=True, slots=True)
class Const:
    """A number in its type's own unit (s, bit/s, B, 1)."""

    value: float
    type: Type


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured: `what` is a field, an event, an outcome or ""; `window_s` is 0 where there is none."""

    function: str
    what: str
    window_s: int
    type: Type


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """`share_by` or `count_by` of a condition over the series with the same tag."""

    function: str
    tag: str
    cond: Truth
    type: Type


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left op right`."""

    op: str
    left: Value
    right: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right` of two values of one type."""

    op: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Both:
    """`and` (`op` "and") or `or` of two conditions."""

    op: str
    left: Truth
    right: Truth


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; unknown stays unknown."""

    cond: Truth


Value = Const | Figure | GroupFigure | Arithmetic
Truth = Compare | Both | Not
Node = Value | Truth


def parts(node: Node) -> Iterator[Node]:
    """The node and all below it, in the order they are written."""
    yield node
    match node:
        case Arithmetic() | Compare() | Both():
            yield from parts(node.left)
            yield from parts(node.right)
        case Not() | GroupFigure():
            yield from parts(node.cond)


def figures_of(node: Node) -> Iterator[Figure]:
    """All that is measured in a condition, in the order it is written."""
    return (part for part in parts(node) if isinstance(part, Figure))
