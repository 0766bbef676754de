"""Exceptions put into every loop of a role, one after the other: is each told, and does the work go on?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from netmon.process.troubles import Troubles


class Death(NamedTuple):
    """One place where an exception is put in: which loop, the part that must tell it, the method that raises once."""

    loop: str
    part: str
    owner: Any
    method: str


@dataclass
class Outcome:
    """What came of one."""

    loop: str
    fault: str
    told_s: float | None  # after so long, None: never
    goes_on: bool


def raise_once(owner: Any, method: str, fault: BaseException, times: int = 1) -> Callable[[], None]:
    """Have a method raise the next `times` it is called; what puts it back."""
    real = getattr(owner, method)
    left = [times]

    def broken(*args: Any, **kwargs: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise fault
        return real(*args, **kwargs)

    setattr(owner, method, broken)
    return lambda: setattr(owner, method, real)


def die(
    one: Death, fault: BaseException, board: Troubles, poke: Callable[[], Any], within_s: float = 10.0
) -> float | None:
    """Put it in and wait until its part tells; seconds that took. `poke` makes the loop turn."""
    put_back = raise_once(one.owner, one.method, fault)
    began = time.monotonic()
    try:
        while time.monotonic() - began < within_s:
            if any(row["part"].startswith(one.part) for row in board.rows()):
                return time.monotonic() - began
            poke()
            time.sleep(0.02)
        return None
    finally:
        put_back()


def each(
    places: Sequence[Death],
    board: Troubles,
    poke: Callable[[], Any],
    goes_on: Callable[[], bool],
    fault: Callable[[], BaseException],
) -> list[Outcome]:
    """All of them, one after the other."""
    assert goes_on()
    outcomes = []
    for place in places:
        forget(board)
        raised = fault()
        told_s = die(place, raised, board, poke)
        outcomes.append(Outcome(place.loop, repr(raised), told_s, goes_on()))
    return outcomes


def at_once(
    places: Sequence[Death],
    board: Troubles,
    poke: Callable[[], Any],
    fault: Callable[[], BaseException],
    within_s: float = 15.0,
) -> set[str]:
    """All of them together; parts that never told."""
    wanted, seen = {place.part for place in places}, set[str]()
    put_back = [raise_once(place.owner, place.method, fault()) for place in places]

    def silent() -> set[str]:
        return {name for name in wanted if not any(part.startswith(name) for part in seen)}

    def all_told() -> bool:
        poke()
        seen.update(row["part"] for row in board.rows())
        return not silent()

    until(all_told, within_s)
    for back in put_back:
        back()
    return silent()


def forget(board: Troubles) -> None:
    """Clear the board at once, that the next one may be seen."""
    board._rows.clear()


def until(fact: Callable[[], object], within_s: float = 10.0) -> bool:
    """Whether a fact came true in time."""
    end = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive() -> set[str]:
    """Names of the threads that run."""
    return {thread.name for thread in threading.enumerate()}


def table(outcomes: Sequence[Outcome]) -> str:
    """For people."""
    rows = [("loop", "put in", "told after", "goes on")]
    for one in outcomes:
        told = "NEVER" if one.told_s is None else f"{one.told_s:.2f} s"
        rows.append((one.loop, one.fault, told, "yes" if one.goes_on else "NO"))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
