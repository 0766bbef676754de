"""What a message says of its own reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire import siptold
from probes.wire.sip import Message


def message(status: int, *headers: tuple[str, str]) -> Message:
    return Message(status, "Said", "", "", headers)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (0, (("reason", 'SIP;cause=500;text="Internal media error"'),), "Internal media error (SIP 500)"),
        (0, (("reason", 'Q.850 ; text="a;b, \\"c\\"" ; cause=16'),), 'a;b, "c" (Q.850 16)'),
        (0, (("reason", "Q.850;cause=38"),), "Q.850 38"),
        (302, (("contact", '"New" <sip:room@new.example>;q=1'),), "it is at sip:room@new.example now"),
        (486, (("contact", "<sip:room@192.0.2.9>"),), ""),
        (420, (("unsupported", "100rel"), ("unsupported", "timer")), "it does not know 100rel, timer"),
        (421, (("require", "timer"),), "it demands timer"),
        (488, (("warning", '305 mcu.example "Incompatible media format"'),), "Incompatible media format (305)"),
        (503, (("retry-after", "30 (busy)"),), "again in 30 s"),
        (200, (), ""),
    ],
)
def test_each_kind_of_reason_is_read(status: int, headers: tuple[tuple[str, str], ...], words: str) -> None:
    assert siptold.more(message(status, *headers)) == words


def test_demands_are_split_and_told_in_small_letters() -> None:
    assert siptold.required(message(183, ("require", "100rel, Timer"), ("require", "\x1b[31m, ok"))) == [
        "100rel", "timer", "ok",
    ]  # fmt: skip


@given(
    st.sampled_from(["reason", "warning", "contact", "require", "unsupported", "retry-after"]), st.text(max_size=300)
)
def test_no_text_raises_or_grows(name: str, text: str) -> None:
    for status in (0, 302, 420, 421):
        assert len(siptold.more(message(status, (name, text)))) < 500
    siptold.required(message(183, (name, text)))
