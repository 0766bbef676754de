"""What a message says of its own reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.sip import reason as sip_reason
from probes.wire.sip.message import SipMessage


def message(status: int, *headers: tuple[str, str]) -> SipMessage:
    return SipMessage(status, "Said", "", "", headers)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (0, (("reason", 'SIP;cause=500;text="Internal media error"'),), "Internal media error (SIP 500)"),
        (0, (("reason", 'Q.850 ; text="a;b, \\"c\\"" ; cause=16'),), 'a;b, "c" (Q.850 16)'),
        (0, (("reason", "Q.850;cause=38"),), "the network is out of order (Q.850 38)"),
        (0, (("reason", "Q.850;cause=999"),), "Q.850 999"),
        (
            0,
            (("reason", 'Q.850;cause=16;text="a, b", SIP;cause=200'), ("reason", 'X;text="c"')),
            "a, b (Q.850 16); SIP 200; c",
        ),
        (
            302,
            (("contact", "<tel:+842412345>;q=0.4, <h323:8001@mcu.example>"),),
            "it is at h323:8001@mcu.example or tel:+842412345 now",
        ),
        (305, (("contact", "sip:proxy.example;q=1"),), "it is to be called by way of sip:proxy.example"),
        (485, (("contact", "<sip:a@b>, <sip:c@b>"),), "it may be sip:a@b or sip:c@b"),
        (302, (("contact", '"x" <sip:a b@c>'),), ""),
        (405, (("allow", "OPTIONS"), ("allow", "REGISTER")), "it takes only OPTIONS, REGISTER"),
        (415, (("accept", "application/x"),), "it takes only application/x"),
        (494, (("security-server", "tls;q=0.2"),), "it demands tls;q=0.2"),
        (
            488,
            (
                ("warning", '305 a "one \\"two\\"", 304 b "three, four"'),
                ("warning", "399 no text"),
                ("warning", '399 c "five"'),
            ),
            'one "two" (305); three, four (304); five (399)',
        ),
        (
            401,
            (("www-authenticate", 'Digest realm="a", nonce="1", algorithm=AKAv1-MD5'),),
            "it asks in a way that we do not know: Digest AKAv1-MD5",
        ),
        (407, (), "it does not say how it wants to be told"),
        (401, (("www-authenticate", 'Digest realm="a", nonce="1"'),), ""),
        (302, (("contact", '"New" <sip:room@new.example>;q=1'),), "it is at sip:room@new.example now"),
        (486, (("contact", "<sip:room@192.0.2.9>"),), ""),
        (420, (("unsupported", "100rel"), ("unsupported", "timer")), "it does not know 100rel, timer"),
        (421, (("require", "timer"),), "it demands timer"),
        (488, (("warning", '305 mcu.example "Incompatible media format"'),), "Incompatible media format (305)"),
        (503, (("retry-after", "30 (busy)"),), "again in 30 s (busy)"),
        (200, (), ""),
    ],
)
def test_each_kind_of_reason_is_read(status: int, headers: tuple[tuple[str, str], ...], words: str) -> None:
    assert sip_reason.more(message(status, *headers)) == words


def test_demands_are_split_and_told_in_small_letters() -> None:
    assert sip_reason.required(message(183, ("require", "100rel, Timer"), ("require", "\x1b[31m, ok"))) == [
        "100rel", "timer", "ok",
    ]  # fmt: skip


@given(
    st.sampled_from(["reason", "warning", "contact", "require", "unsupported", "retry-after", "www-authenticate"]),
    st.text(max_size=300),
)
def test_no_text_raises_or_grows(name: str, text: str) -> None:
    for status in (0, 302, 401, 405, 420, 421):
        assert len(sip_reason.more(message(status, (name, text)))) < 500
    sip_reason.required(message(183, (name, text)))
