"""Which lines of a write are at fault: only those that are refused while others are taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netmon.delivery.isolate import MAX_VAIN, Isolation
from netmon.delivery.reply import WriteReply, judge


def _isolated(lines: list[str], bad: set[str], status: int, text: str) -> tuple[Isolation, int]:
    """A database that refuses a write with a bad line in it, or (partial) stores the rest."""
    isolation, sends = Isolation(len(lines)), 0
    while (part := isolation.next()) is not None:
        sent = lines[part.start : part.end]
        refused = [line for line in sent if line in bad]
        words = text.format(many=len(refused))
        isolation.note(judge(WriteReply(status, words)) if refused else judge(WriteReply(204)))
        sends += 1
    return isolation, sends


PARTIAL = "partial write: field type conflict dropped={many}"


@given(st.integers(1, 300), st.sets(st.integers(0, 299)), st.booleans())
def test_exactly_the_bad_lines_are_found_when_any_is_good(count: int, numbers: set[int], partly: bool) -> None:
    lines = [str(number) for number in range(count)]
    bad = {str(number) for number in numbers if number < count}
    isolation, _ = _isolated(lines, bad, 400, PARTIAL if partly else "unable to parse 'x'")
    if len(bad) < count and not isolation.is_alike:
        assert {lines[number] for number in isolation.refused} == bad
        assert isolation.taken == count - len(bad) and len(isolation.refused) == len(bad)


def test_when_all_are_refused_nothing_is_known_against_any_and_the_question_ends_soon() -> None:
    lines = [str(number) for number in range(5000)]
    isolation, sends = _isolated(lines, set(lines), 400, "unable to parse 'x'")
    assert isolation.is_alike and sends == MAX_VAIN


def test_one_good_line_among_many_that_are_bad_proves_them_bad() -> None:
    lines = [str(number) for number in range(64)]
    isolation, _ = _isolated(lines, set(lines[:-1]), 400, "unable to parse 'x'")
    assert isolation.taken == 1 and len(isolation.refused) == 63


def test_lines_the_answer_names_are_known_at_once() -> None:
    isolation = Isolation(9)
    isolation.note(judge(WriteReply(400, "partial write: line 3: bad field; line 9: too old dropped=2")))
    assert isolation.refused == [2, 8] and isolation.taken == 7 and isolation.next() is None


def test_a_single_line_refused_alone_is_not_proven() -> None:
    isolation, _ = _isolated(["x"], {"x"}, 400, "unable to parse 'x'")
    assert isolation.is_alike


def test_words_about_a_partial_write_alone_prove_nothing() -> None:
    isolation = Isolation(20)  # something between answers every write so
    while isolation.next() is not None:
        isolation.note(judge(WriteReply(502, "partial write: upstream failed dropped=3")))
    assert isolation.is_alike and isolation.taken == 0


def test_bad_lines_all_through_a_write_are_found() -> None:
    lines = [str(number) for number in range(5000)]
    isolation, _ = _isolated(lines, set(lines[:1000] + lines[1001::2]), 400, PARTIAL)
    assert isolation.taken == 2000 and len(isolation.refused) == 3000
