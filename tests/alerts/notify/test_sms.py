"""Short messages: what a text costs, what a gateway gets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import notice

from alerts.notify import sms
from alerts.notify.notice import Destination
from alerts.notify.sms_text import is_gsm, parts, plain, shortened
from alerts.notify.webhook import Delivery, fate


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 153, 3),  # 306 places, but a letter of two places is not torn apart
        ("ắ" * 70, 1),
        ("ắ" * 71, 2),
        ("ắ" * 134, 2),
        ("ắ" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("é" * 160, 1),
    ],
)
def test_a_text_has_as_many_parts_as_phones_count(text: str, count: int) -> None:
    assert parts(text) == count


def test_accents_go_where_that_saves_a_part_and_stay_where_it_does_not() -> None:
    short, long = "MẤT KẾT NỐI: xã Tân Đông", "MẤT KẾT NỐI: xã Tân Đông – gọi Trực kênh 080 00002 … " * 2
    assert shortened(short, 3) == short
    assert shortened(long, 3) == plain(long)
    assert plain(long).startswith("MAT KET NOI: xa Tan Dong - goi Truc kenh 080 00002 ...")


def test_what_is_too_long_is_cut_to_what_is_paid_for() -> None:
    text = shortened("MẤT KẾT NỐI " * 100, 2)
    assert parts(text) == 2 and text.endswith("...") and len(text) > 290


@given(st.text(max_size=400), st.integers(1, 4))
def test_no_text_is_longer_than_allowed(text: str, most: int) -> None:
    assert parts(shortened(text, most)) <= most
    assert is_gsm(plain(text))


TO = Destination(
    url="https://sms.example/send?to={to}&key={secret}",
    to=("+84912345678", "+84987654321"),
    sender="CPNET",
    secret="k&1",
    template='{"text":"{text}","from":"{sender}","ref":"{id}"}',
)
NASTY = notice(vi='a "b" <c> & {secret} {to}')


def test_gaps_are_filled_as_their_place_needs_and_texts_bring_none_along() -> None:
    request = sms.request(NASTY, TO, 0.0)
    query = parse_qs(urlsplit(request.url).query)
    assert query == {"to": ["+84912345678,+84987654321"], "key": ["k&1"]}
    assert json.loads(request.body) == {"text": 'a "b" <c> & {secret} {to}', "from": "CPNET", "ref": NASTY.page_id}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("content_type", "template"),
    [
        ("application/x-www-form-urlencoded", "a=1&t={text}"),
        ("text/xml", '<m a="{text}">{text}</m>'),
        ("text/plain", "{text}"),
    ],
)
def test_a_gateways_form_is_kept(content_type: str, template: str) -> None:
    request = sms.request(
        NASTY, replace(TO, url="https://sms.example/", content_type=content_type, template=template), 0.0
    )
    text, body = 'a "b" <c> & {secret} {to}', request.body.decode()
    if content_type.endswith("xml"):
        tree = ElementTree.fromstring(body)
        assert tree.text == tree.attrib["a"] == text
    else:
        assert (parse_qs(body)["t"][0] if "form" in content_type else body) == text
    assert request.headers["Authorization"] == "Bearer k&1"  # no gap for it: it goes where tokens go
    assert request.headers["Content-Type"] == f"{content_type}; charset=utf-8"


def test_a_gateway_that_says_200_to_what_it_refuses_is_understood() -> None:
    to = replace(TO, accepted='"CodeResult":"100"')
    assert sms.read(Delivery(200, body=b'{"CodeResult":"100"}'), to).status == 200
    refused = sms.read(Delivery(200, body=b'{"CodeResult":"103","ErrorMessage":"no balance"}'), to)
    assert fate(refused, 1, 0, 0, 0).state == "waiting" and "no balance" in refused.trouble
    assert sms.read(Delivery(503, body=b""), to) == Delivery(503)


def test_a_message_by_get_has_no_body(monkeypatch: pytest.MonkeyPatch) -> None:
    to = replace(TO, method="GET", url="https://sms.example/?t={text}", template="")
    request = sms.request(notice(), to, 0.0)
    sent: Any = (request.method, request.body, "Content-Type" in request.headers)
    assert sent == ("GET", b"", False)
