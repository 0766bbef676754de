"""The board of what is wrong with the program itself, and the guards of its loops."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest

from netmon.process.troubles import Troubles, fault_words, watched, watched_thread

SOON = (0.01, 0.02)


def _parts(board: Troubles) -> dict[str, str]:
    return {row["part"]: row["why"] for row in board.rows()}


def test_what_lasts_is_told_until_it_is_over() -> None:
    board, heard = Troubles(), []
    board.changed = lambda: heard.append(len(board.rows()))
    board.tell("disk", "it is full")
    since_ms = board.rows()[0]["since_ms"]
    board.tell("disk", "it is full")
    board.tell("disk", "it is read-only")
    assert _parts(board) == {"disk": "it is read-only"} and board.rows()[0]["since_ms"] == since_ms
    board.well("disk")
    board.well("disk")
    assert board.rows() == [] and heard == [1, 1, 0]


def test_what_was_not_foreseen_stays_in_sight_for_a_while_after_it_is_over() -> None:
    board = Troubles(linger_s=0.2)
    with board.turn("loop"):
        raise KeyError("x")
    with board.turn("loop"):
        pass
    assert "a fault of netmon" in _parts(board)["loop"]
    time.sleep(0.25)
    assert board.rows() == []


def test_a_hostile_text_of_a_fault_reaches_nobody_raw() -> None:
    board = Troubles()
    board.tell("far", "\x1b[2Jhello\n")
    assert "\x1b" not in _parts(board)["far"] and "\n" not in _parts(board)["far"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(24, "Too many open files", "/x"), "/x: Too many open files"),
        (MemoryError(), "out of memory"),
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
        (ValueError("bad"), "a fault of netmon, please report it: ValueError: bad"),
    ],
)
def test_a_fault_is_said_in_words_for_people(fault: Exception, said: str) -> None:
    assert fault_words(fault) == said


@pytest.mark.parametrize("fault", [RuntimeError("x"), OSError(28, "No space left"), asyncio.CancelledError(), None])
def test_a_task_that_ends_is_told_and_begun_anew(fault: BaseException | None) -> None:
    async def run() -> int:
        lives = 0
        board = Troubles()

        async def work() -> None:
            nonlocal lives
            lives += 1
            if lives < 3:
                if fault is not None:
                    raise fault
                return
            await asyncio.Event().wait()

        task = asyncio.create_task(watched(board, "loop", work, SOON))
        while lives < 3:
            await asyncio.sleep(0.01)
        assert "loop" in _parts(board)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return lives

    assert asyncio.run(run()) == 3


@pytest.mark.parametrize("fault", [RuntimeError("x"), SystemExit(1), None])
def test_a_thread_whose_work_ends_is_told_and_works_on(fault: BaseException | None) -> None:
    board, stop, lives = Troubles(), threading.Event(), []

    def work() -> None:
        lives.append(1)
        if len(lives) < 3:
            if fault is not None:
                raise fault
            return
        stop.wait()

    thread = threading.Thread(target=watched_thread, args=(board, "sender", work, stop, SOON))
    thread.start()
    while len(lives) < 3:
        time.sleep(0.01)
    assert "sender" in _parts(board)
    stop.set()
    thread.join(5)
    assert not thread.is_alive() and len(lives) == 3
