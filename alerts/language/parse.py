"""The `when` of a rule: Python's expression syntax, a whitelist of what may stand in it, and typed trees. Pure.

    loss(20s) >= 10% and lost(20s) >= 3
    age(reply) > 3 * period and missed(reply) >= 3
    share_by(province, loss(60s) > 5%) > 20%

`and or not`, comparisons, `+ - * /`, numbers with units (`150ms 20s 5% 4Mbit`), the functions of `alerts.language.vocabulary`, and
`period`: the time between a check's points. Types are held apart: a duration is never compared with a bare number.

Meaning. Time is event time, agent by agent: a condition is judged for every second of an agent's frontier, the moment
up to which it has told everything, so a flush every ten seconds is no silence. A window `20s` is the newest twenty
one-second buckets behind the frontier. What was not measured is unknown, not 0: a comparison with it is unknown, as
is a window that reaches back before the series began or into a gap; `and or not` keep unknown apart from false
(Kleene), and a rule whose condition is unknown stays as it is.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import cast

from alerts.errors import BadCondition
from alerts.language.tree import Arithmetic, Both, Compare, Const, Figure, GroupFigure, Node, Not, Truth, Value
from alerts.language.vocabulary import (
    ARGUMENTS,
    ARRIVAL,
    EVENTS,
    FUNCTIONS,
    OUTCOMES,
    PERIOD,
    RTT,
    SAY,
    TAGS,
    UNITS,
    Type,
    field_type,
)

MAX_CHARACTERS, MAX_NODES, MAX_DEPTH = 1000, 200, 24
MISSING_PERIODS, MISSING_S = 3.0, 15.0
MAX_WINDOW_S = 120  # the hub replays as much after a restart, and no more
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LITERAL = re.compile(r"(?<![\w.])(\d{1,12}(?:\.\d{1,9})?)([A-Za-z_%]\w*)")
_ALLOWED = re.compile(r"[A-Za-z0-9_ .,()<>=!+\-*/%]*")
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def parse(text: str) -> Truth:
    """The tree of a condition; raises `BadCondition`, and nothing else, whatever the text is."""
    plain, units = _lexed(text)
    tree = _syntax(plain)
    _bounded(tree)
    return _Reader(units).truth(tree)


# --- text ---


def _lexed(text: str) -> tuple[str, dict[int, tuple[str, str]]]:
    """The text with its units blanked out (columns stay), and column → (digits, unit)."""
    plain = re.sub(r"[\t\n]", " ", text)
    if len(plain) > MAX_CHARACTERS:
        raise BadCondition(MAX_CHARACTERS, "the condition is too long", f"write at most {MAX_CHARACTERS} characters")
    good = _ALLOWED.match(plain)
    end = good.end() if good else 0
    if end < len(plain):
        what = f"'{plain[end]}' cannot stand here" if plain[end].isprintable() else "a character that cannot be printed"
        raise BadCondition(end + 1, what, "write words, numbers, ( ) , < > = ! + - * / %")
    units: dict[int, tuple[str, str]] = {}

    def blank(match: re.Match[str]) -> str:
        unit = match[2]
        if unit not in UNITS:
            what = f"'{match[0][:40]}' has an unknown unit"
            raise BadCondition(match.start() + 1, what, _near(unit, UNITS) or f"write one of {' '.join(UNITS)}")
        units[match.start()] = (match[1], unit)
        return match[1] + " " * len(unit)

    return _LITERAL.sub(blank, plain), units


def _syntax(plain: str) -> ast.expr:
    stripped = plain.lstrip()
    lead = len(plain) - len(stripped)
    if not stripped:
        raise BadCondition(1, "the condition is empty", SAY["truth"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as fault:
        column = lead + min(fault.offset or len(stripped), len(stripped))
        raise BadCondition(column, "this is not an expression", _say_syntax(stripped)) from None
    except (ValueError, RecursionError, MemoryError):
        raise BadCondition(1, "this is nested too deeply", "write it shorter") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset += lead
    return tree


def _say_syntax(text: str) -> str:
    if re.search(r"(?<![<>=!])=(?!=)", text):
        return "compare with ==, not ="
    if text.count("(") != text.count(")"):
        return "close every bracket"
    return "write it like " + SAY["truth"].removeprefix("a condition, as ")


def _bounded(tree: ast.expr) -> None:
    """Not too many nodes and not too deep: what follows walks the tree recursively."""
    layer: list[ast.AST] = [tree]
    depth = count = 0
    while layer:
        depth, count = depth + 1, count + len(layer)
        if depth > MAX_DEPTH or count > 2 * MAX_NODES:
            raise BadCondition(1, "the condition is too large", f"write at most {MAX_NODES} parts, or two rules")
        layer = [child for node in layer for child in ast.iter_child_nodes(node)]


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.55)
    return f"did you mean {near[0]}?" if near else ""


# --- tree ---


class _Reader:
    """Python's tree → ours; every fault says where and what to write."""

    def __init__(self, units: dict[int, tuple[str, str]]) -> None:
        self._units = units
        self._in_group = False

    def truth(self, node: ast.expr) -> Truth:
        """A node that must be true or false."""
        condition = self.read(node)
        if isinstance(condition, Const | Figure | GroupFigure | Arithmetic):
            raise _fault(node, "this is a value, not true or false", "compare it with something, as loss(20s) > 5%")
        return condition

    def value(self, node: ast.expr) -> Value:
        """A node that must have a value."""
        value = self.read(node)
        if isinstance(value, Compare | Both | Not):
            raise _fault(node, "this is true or false, not a value", "join conditions with and, or")
        return value

    def read(self, node: ast.expr) -> Node:
        """Any node."""
        for kind, read in self._KINDS.items():
            if isinstance(node, kind):
                return read(self, node)
        raise _fault(node, f"{_called(node)} cannot stand here", "write functions, numbers, comparisons, and, or, not")

    # --- true or false ---

    def _both(self, node: ast.BoolOp) -> Node:
        op = "and" if isinstance(node.op, ast.And) else "or"
        joined = self.truth(node.values[0])
        for part in node.values[1:]:
            joined = Both(op, joined, self.truth(part))
        return joined

    def _unary(self, node: ast.UnaryOp) -> Node:
        if isinstance(node.op, ast.Not):
            return Not(self.truth(node.operand))
        if isinstance(node.op, ast.USub):
            inner = self.value(node.operand)
            return Arithmetic("-", Const(0.0, inner.type), inner, inner.type)
        raise _fault(node, "this sign cannot stand here", "leave it out")

    def _compare(self, node: ast.Compare) -> Node:
        left, at = self.value(node.left), node.left
        joined: Truth | None = None
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node)
            sign = _COMPARE.get(type(op))
            if sign is None:
                raise _fault(right_node, "this comparison is not known", "write < <= > >= == or !=")
            left, right = _alike(left, right, at, right_node)
            comparison = Compare(sign, left, right)
            joined = comparison if joined is None else Both("and", joined, comparison)
            left, at = right, right_node
        assert joined is not None
        return joined

    # --- values ---

    def _arithmetic(self, node: ast.BinOp) -> Node:
        sign = _ARITHMETIC.get(type(node.op))
        if sign is None:
            raise _fault(node, "this operator is not known", "write + - * or /; a share as 5%")
        left, right = self.value(node.left), self.value(node.right)
        return Arithmetic(sign, left, right, _result(sign, left, right, node))

    def _constant(self, node: ast.Constant) -> Node:
        number = node.value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _fault(node, f"{_called(node)} cannot stand here", "write a number")
        digits, unit = self._units.get(node.col_offset, ("", ""))
        if unit:
            kind, factor = UNITS[unit]
            return Const(float(digits) * factor, kind)
        if not abs(number) < 1e15:
            raise _fault(node, "the number is too large", "write a smaller one, with a unit")
        return Const(float(number), "number")

    def _word(self, node: ast.Name) -> Node:
        if node.id == PERIOD:
            return Figure(PERIOD, "", 0, "time")
        if node.id in FUNCTIONS:
            raise _fault(node, f"{node.id} is a function", f"write {_signature(node.id)}")
        is_field = field_type(node.id)[0] != "number"
        near = "" if is_field else _near(node.id, [*FUNCTIONS, PERIOD])
        write = near or f"ask for a field with a function, as last({node.id[:40] if is_field else 'rate_bps'})"
        raise _fault(node, f"'{node.id[:40]}' says nothing by itself", write)

    def _call(self, node: ast.Call) -> Node:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        function = FUNCTIONS.get(name)
        if function is None:
            write = _near(name, FUNCTIONS) or f"known: {' '.join(FUNCTIONS)}"
            raise _fault(node, f"'{name[:40]}' is not a function" if name else "this is not a function", write)
        if node.keywords or len(node.args) != len(function.takes):
            raise _fault(
                node, f"{name} takes {len(function.takes)}, not {len(node.args) + len(node.keywords)}", _usage(name)
            )
        if "cond" in function.takes:
            return self._group(name, *node.args)
        what, window_s = "", 0
        for role, argument in zip(function.takes, node.args, strict=True):
            if role == "window":
                window_s = self._window(name, argument)
            else:
                what = self._named(name, role, argument)
        if name == "missing":
            return _missing(what)
        return Figure(name, what, window_s, _type_of(function.gives, what))

    def _window(self, name: str, node: ast.expr) -> int:
        window = self.value(node)
        if not isinstance(window, Const) or window.type != "time":
            raise _fault(node, f"the window of {name} is not a duration", _usage(name))
        if window.value != int(window.value) or not 1 <= window.value <= MAX_WINDOW_S:
            raise _fault(
                node, f"a window of {window.value:g} s cannot be kept", f"write whole seconds, 1s to {MAX_WINDOW_S}s"
            )
        return int(window.value)

    def _named(self, name: str, role: str, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise _fault(node, f"{name} cannot take this", f"write {ARGUMENTS[role]}")
        word = node.id
        known = _ROLES[role]
        is_field = role in ("when", "what", "field") and _NAME.fullmatch(word) and word not in _RESERVED
        if word not in known and not is_field:
            raise _fault(node, f"{name} knows no '{word[:40]}'", _near(word, known) or f"write {ARGUMENTS[role]}")
        return word

    def _group(self, name: str, tag_node: ast.expr, cond_node: ast.expr) -> Node:
        if self._in_group:
            raise _fault(tag_node, "a group inside a group", "write two rules")
        tag = self._named(name, "tag", tag_node)
        self._in_group = True
        cond = self.truth(cond_node)
        self._in_group = False
        return GroupFigure(name, tag, cond, "share" if name == "share_by" else "number")

    _KINDS: dict[type[ast.expr], Callable[..., Node]] = {
        ast.BoolOp: _both,
        ast.UnaryOp: _unary,
        ast.Compare: _compare,
        ast.BinOp: _arithmetic,
        ast.Constant: _constant,
        ast.Name: _word,
        ast.Call: _call,
    }


_ROLES: dict[str, tuple[str, ...]] = {
    "event": EVENTS,
    "when": (*EVENTS, ARRIVAL),
    "what": ("reply", *OUTCOMES),
    "field": (),
    "spread": (RTT,),
    "tag": TAGS,
}
_RESERVED = frozenset({*FUNCTIONS, PERIOD, ARRIVAL, RTT, *TAGS} - {"lost", "sent"}) | {"and", "or", "not"}


def _fault(node: ast.expr, what: str, write: str) -> BadCondition:
    return BadCondition(node.col_offset + 1, what, write)


def _called(node: ast.expr) -> str:
    return "a text" if isinstance(node, ast.Constant) else f"a {type(node).__name__.lower()}"


def _signature(name: str) -> str:
    return f"{name}({', '.join(FUNCTIONS[name].takes)})"


def _usage(name: str) -> str:
    return f"write {_signature(name)}, " + ", ".join(f"{role}: {ARGUMENTS[role]}" for role in FUNCTIONS[name].takes)


def _missing(what: str) -> Truth:
    """`missing(x)` is `age(x) > 3 * period and age(x) > 15s`."""
    age = Figure("age", what, 0, "time")
    patience = Arithmetic("*", Const(MISSING_PERIODS, "number"), Figure(PERIOD, "", 0, "time"), "time")
    return Both("and", Compare(">", age, patience), Compare(">", age, Const(MISSING_S, "time")))


# --- types ---


def _type_of(gives: str, what: str) -> Type:
    """The type of a function's value, of a field's where it gives one; how fast bytes grow is a rate, other counters a number."""
    if gives == "field":
        return field_type(what)[0]
    if gives == "rate" and field_type(what)[0] != "size":
        return "number"
    return cast(Type, gives)


def _alike(left: Value, right: Value, left_node: ast.expr, right_node: ast.expr) -> tuple[Value, Value]:
    """Both sides of one type. A bare number may stand for a share, and 0 for anything."""
    sides = ((left, right, left_node), (right, left, right_node))
    for side, other, node in sides:
        if isinstance(side, Const) and side.type in ("share", "number") and _upper_bound(other) < math.inf:
            _possible_share(side, other, node)
    if left.type == right.type:
        return left, right
    for side, other, node in sides:
        if isinstance(side, Const) and side.type == "number" and (other.type == "share" or side.value == 0):
            turned = Const(side.value, other.type)
            return (turned, right) if side is left else (left, turned)
        if isinstance(side, Const) and side.type == "share" and other.type == "number":
            if isinstance(other, Figure | GroupFigure):
                raise _fault(node, "this is a share, the other side counts", "write a plain number, as 3")
            turned = Const(side.value, "number")
            return (turned, right) if side is left else (left, turned)
    if isinstance(left, Const) and not isinstance(right, Const):
        raise _fault(
            left_node, f"this is {_noun(left.type)}, the other side {_noun(right.type)}", f"write {SAY[right.type]}"
        )
    raise _fault(
        right_node, f"this is {_noun(right.type)}, the other side {_noun(left.type)}", f"write {SAY[left.type]}"
    )


def _possible_share(share: Const, other: Value, node: ast.expr) -> None:
    """Whoever writes 5 beside a share means 5 %, and would never hear of it."""
    if not isinstance(other, Figure | GroupFigure):
        limit = _upper_bound(other)
        if share.value > limit:
            raise _fault(node, f"the other side is never above {limit:g}", "write a share, as 5% or 0.05")
        return
    if share.type == "number" and share.value >= 1:
        both = "write 1% or 100%" if share.value == 1 else f"write {share.value:g}%"
        raise _fault(node, f"{share.value:g} is no share", both)
    if share.value > 1:
        raise _fault(node, "a share is never above 100%", "write a share, as 5% or 0.05")


def _upper_bound(value: Value) -> float:
    """What a value made of shares can be at most."""
    if isinstance(value, Const):
        return value.value
    if not isinstance(value, Arithmetic):
        return 1.0 if value.type == "share" else math.inf
    left, right = _upper_bound(value.left), _upper_bound(value.right)
    if value.op == "+":
        return left + right
    if value.op == "-":
        return left
    if value.op == "*":
        return left * right
    return left / right if isinstance(value.right, Const) and right else 1.0 if _is_part(value) else math.inf


def _is_part(value: Value) -> bool:
    """Is it so many of all that was sent?"""
    if not isinstance(value, Arithmetic) or value.op != "/":
        return False
    left, right = value.left, value.right
    if not (isinstance(left, Figure) and isinstance(right, Figure)):
        return False
    return left.function == "lost" and right.function == "sent" and left.window_s <= right.window_s


def _noun(kind: Type) -> str:
    return SAY[kind].partition(", as")[0]


def _result(sign: str, left: Value, right: Value, node: ast.BinOp) -> Type:
    """The type of `left sign right`."""
    plain = ("number", "share")
    if sign in "+-":
        return _alike(left, right, node.left, node.right)[0].type
    if sign == "*" and left.type in plain:
        return right.type
    if right.type in plain:
        return left.type
    if sign == "/" and left.type == right.type:
        return "number"
    raise _fault(
        node, f"{_noun(left.type)} {sign} {_noun(right.type)} means nothing", "write a plain number on one side"
    )
