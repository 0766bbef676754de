"""Where requests within a dialog go: addresses as they are written in the field, and routers old and new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.sip import dialog as sip_dialog
from probes.wire.sip import message as sip
from probes.wire.sip.message import SipMessage
from probes.wire.sip.request import next_hop

PEER = ("192.0.2.1", 5060)


def answer(*headers: tuple[str, str]) -> SipMessage:
    return SipMessage(200, "OK", "", "", headers)


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ('"sip:100@edge.example" <sip:room@192.0.2.9:5070>', "sip:room@192.0.2.9:5070"),
        ('"a <sip:x@y>, \\" ; b" <sip:room@192.0.2.9>;expires=60', "sip:room@192.0.2.9"),
        ("<sip:room@192.0.2.9;transport=tcp>;q=0.5", "sip:room@192.0.2.9;transport=tcp"),
        ("sip:room@192.0.2.9:5070;expires=60", "sip:room@192.0.2.9:5070"),
        ("<SIPS:room@[2001:db8::9]>", "SIPS:room@[2001:db8::9]"),
        ("Room <sip:one@a>, <sip:two@b>", "sip:one@a"),
    ],
)
def test_an_address_is_what_stands_in_its_brackets(written: str, uri: str) -> None:
    assert sip_dialog.contact(answer(("contact", written)), "sip:asked@mcu") == uri


@pytest.mark.parametrize("written", ["", "*", "<tel:+84>", "<sip:a b@c>", '"sip:a@b"', "<sip:a@b", "http://x"])
def test_what_is_no_address_leaves_the_one_we_asked_for(written: str) -> None:
    assert sip_dialog.contact(answer(("contact", written)), "sip:asked@mcu") == "sip:asked@mcu"


def test_loose_routers_are_named_in_routes_and_the_first_is_the_next_hop() -> None:
    dialog = sip_dialog.opened(
        answer(
            ("record-route", '"x, y" <sip:192.0.2.3;lr>, <sip:192.0.2.2:5062;lr=on>'),
            ("record-route", "<sip:192.0.2.1;lr>"),
            ("contact", "<sip:room@192.0.2.9>"),
        ),
        "sip:asked@mcu",
    )
    assert dialog.uri == "sip:room@192.0.2.9"
    assert dialog.routes == ("<sip:192.0.2.1;lr>", "<sip:192.0.2.2:5062;lr=on>", '"x, y" <sip:192.0.2.3;lr>')
    assert next_hop(dialog, PEER) == PEER


def test_headers_in_a_contact_are_no_part_of_what_is_asked_for() -> None:
    assert sip_dialog.opened(answer(("contact", "<sip:r@192.0.2.9?Subject=x>")), "sip:x@mcu").uri == "sip:r@192.0.2.9"


def test_a_strict_router_is_asked_for_by_name_and_the_room_stands_last() -> None:
    dialog = sip_dialog.opened(
        answer(("record-route", "<sip:old.example>, <sip:192.0.2.7>"), ("contact", "<sip:room@192.0.2.9>")), "sip:x@mcu"
    )
    assert dialog.uri == "sip:192.0.2.7" and dialog.routes == ("<sip:old.example>", "<sip:room@192.0.2.9>")
    assert next_hop(dialog, PEER) == ("192.0.2.7", 5060)


@pytest.mark.parametrize(
    ("contact", "hop"),
    [
        ("<sip:room@192.0.2.9:5070>", ("192.0.2.9", 5070)),
        ("<sip:room@192.0.2.9>", ("192.0.2.9", 5060)),
        ("<sip:room@192.0.2.1:5070>", ("192.0.2.1", 5070)),
        ("<sip:room@192.0.2.1>", ("192.0.2.1", 5098)),  # where we called, its port not said
        ("<sip:room@room.example:5070>", ("192.0.2.1", 5098)),  # names are not looked up: its server knows
        ("<sip:room@127.0.0.1:5070>", ("192.0.2.1", 5098)),
        ("<sip:room@224.0.0.1>", ("192.0.2.1", 5098)),
        ("<sip:room@0.0.0.0>", ("192.0.2.1", 5098)),
        ("<sip:room@[2001:db8::1]>", ("192.0.2.1", 5098)),
        ("<sip:room@192.0.2.9:99999>", ("192.0.2.1", 5098)),
    ],
)
def test_the_next_hop_is_the_address_that_is_named_or_whom_we_called(contact: str, hop: tuple[str, int]) -> None:
    assert next_hop(sip_dialog.opened(answer(("contact", contact)), "sip:x@mcu"), ("192.0.2.1", 5098)) == hop


def test_tags_and_branches_are_the_same_in_letters_of_either_case_and_a_call_id_is_not() -> None:
    headers = (("via", "SIP/2.0/UDP x;branch=Z9HG4BKab1"), ("cseq", "1 OPTIONS"), ("call-id", "Ab"))
    assert sip.answers(answer(*headers), "z9hG4bKAB1", 1, "OPTIONS", "Ab")
    assert not sip.answers(answer(*headers), "z9hG4bKab2", 1, "OPTIONS", "Ab")
    assert not sip.answers(answer(*headers[1:]), "z9hG4bKab1", 1, "OPTIONS", "aB")


def test_a_tag_within_a_name_or_an_address_is_none() -> None:
    assert sip_dialog.tag(answer(("to", '"x;tag=no" <sip:a@b;tag=no>;tag=yes'))) == "yes"
    assert sip_dialog.tag(answer(("to", '"x;tag=no" <sip:a@b>'))) == ""


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_raises(contact: str, route: str) -> None:
    dialog = sip_dialog.opened(answer(("contact", contact), ("record-route", route)), "sip:x@mcu")
    next_hop(dialog, PEER)
    assert "\r" not in dialog.uri and all("\n" not in written for written in dialog.routes)
