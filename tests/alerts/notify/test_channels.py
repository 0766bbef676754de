"""What each channel sends, held to what its maker says and to the bytes we know, and what an answer means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from makers import SCHEMAS, misfits
from pages import VIEW, notice

from alerts.errors import BadPage, BadSecret
from alerts.notify import channels, webhook
from alerts.notify.notice import Destination, Notice, Request, notice_of
from alerts.notify.webhook import Delivery
from netmon.config import receiver, receiver_faults

GOLDEN = ROOT / "tests" / "golden" / "channels"
STATUSES = ("firing", "updated", "resolved")
AT_S = 1_790_000_100.0
SECRETS = {
    "pagerduty": "0123456789abcdef0123456789abcdef",
    "alertmanager": "",
    "telegram": "123456:ABC-def_ghi",
    "zalo": "98765:XYZ-abc",
    "slack": "https://hooks.slack.example/services/T0/B0/x",
    "teams": "https://prod-1.logic.example/workflows/1?sig=x",
}
WHERE = {
    kind: Destination(
        url="http://alertmanager.example:9093/" if kind == "alertmanager" else "", secret=secret, to=("-100123",)
    )
    for kind, secret in SECRETS.items()
}


class Wire:
    """Takes a request instead of the network."""

    def __init__(self, answer: Delivery) -> None:
        self.answer, self.sent = answer, list[Request]()

    def post(self, url: str, raw: bytes, headers: Any, *, timeout_s: float, method: str, ca_file: str) -> Delivery:
        self.sent.append(Request(url, raw, headers, method))
        return self.answer


def sent(kind: str, said: Notice, to: Destination | None = None, answer: Delivery | None = None) -> Request:
    wire = Wire(answer or Delivery(200, body=b'{"ok":true}'))
    channels.deliver(kind, said, to or WHERE[kind], AT_S, wire.post)
    [request] = wire.sent
    return request


def meant(kind: str, answer: Delivery, to: Destination | None = None) -> Delivery:
    return channels.deliver(kind, notice(), to or WHERE[kind], AT_S, Wire(answer).post)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_request_is_what_the_maker_asks_for(kind: str, status: str) -> None:
    request = sent(kind, notice(status))
    content = json.loads(request.body)
    assert misfits(content, SCHEMAS[kind]) == []
    assert request.headers["Content-Type"] == "application/json"
    known = json.loads((GOLDEN / f"{kind}.{status}.json").read_text(encoding="utf-8"))
    assert {"url": request.url, "body": content} == known


@pytest.mark.parametrize("kind", SCHEMAS)
def test_however_long_a_text_is_the_maker_takes_it(kind: str) -> None:
    long = notice(vi="🔥 xã " * 3000, name="x" * 5000)
    assert misfits(json.loads(sent(kind, long).body), SCHEMAS[kind]) == []


def test_the_check_of_makers_schemas_sees_what_is_wrong() -> None:
    good = json.loads(sent("pagerduty", notice()).body)
    bad = [good | {"dedup_key": "x" * 256}, good | {"more": 1}, good | {"payload": {"summary": "x"}}, [good]]
    assert [bool(misfits(body, SCHEMAS["pagerduty"])) for body in (good, *bad)] == [False, True, True, True, True]


def test_all_pages_of_an_incident_have_one_key() -> None:
    keys = {json.loads(sent("pagerduty", notice(status)).body)["dedup_key"] for status in STATUSES}
    assert keys == {VIEW["id"]}
    labels = [json.loads(sent("alertmanager", notice(status)).body)[0]["labels"] for status in STATUSES]
    assert labels[0] == labels[1] == labels[2]


@pytest.mark.parametrize("status", ["superseded", "updated", "repeat-2"])
def test_a_status_nobody_knows_is_an_update_of_the_same_thing(status: str) -> None:
    assert json.loads(sent("pagerduty", notice(status)).body)["event_action"] == "trigger"
    end = json.loads(sent("alertmanager", notice(status)).body)[0]["endsAt"]
    assert end > "2026-10-01"  # it goes on
    assert "Cập nhật: " in json.loads(sent("telegram", notice(status)).body)["text"]


def test_alertmanager_is_told_an_end_that_is_far_away_or_in_the_past() -> None:
    [firing] = json.loads(sent("alertmanager", notice()).body)
    [over] = json.loads(sent("alertmanager", notice("resolved")).body)
    assert firing["startsAt"] == over["startsAt"] <= over["endsAt"] < webhook.iso(int(AT_S * 1000)) < firing["endsAt"]
    clock_set_back = replace(notice("resolved"), ended="2020-01-01T00:00:00.000Z")
    [odd] = json.loads(sent("alertmanager", clock_set_back).body)
    assert odd["endsAt"] == odd["startsAt"]  # an alert that ends before it starts is refused


@pytest.mark.parametrize(
    ("user", "secret", "header"),
    [("", "tok", "Bearer tok"), ("lan", "mật", "Basic bGFuOm3huq10"), ("", "", None)],
)
def test_alertmanager_behind_a_login(user: str, secret: str, header: str | None) -> None:
    to = replace(WHERE["alertmanager"], user=user, secret=secret)
    assert sent("alertmanager", notice(), to).headers.get("Authorization") == header


def test_a_topic_of_a_telegram_group_is_named_behind_a_slash() -> None:
    content = json.loads(sent("telegram", notice(), replace(WHERE["telegram"], to=("-100/42",))).body)
    assert (content["chat_id"], content["message_thread_id"]) == ("-100", 42)


def test_slack_cannot_be_made_to_call_everybody() -> None:
    content = sent("slack", notice(vi="a <!channel> & b")).body.decode()
    assert "<!channel>" not in content and "&lt;!channel&gt; &amp; b" in content


# --- what answers mean ---


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize(
    ("status", "state"), [(200, "accepted"), (202, "accepted"), (429, "waiting"), (503, "waiting")]
)
def test_plain_answers_mean_what_they_mean_everywhere(kind: str, status: int, state: str) -> None:
    body = b'{"ok":true}' if status < 300 else b""
    assert webhook.fate(meant(kind, Delivery(status, body=body)), 1, 0, 0, 0).state == state


@pytest.mark.parametrize("kind", ["telegram", "zalo"])
def test_a_bot_says_no_with_200_too(kind: str) -> None:
    refused = meant(kind, Delivery(200, body=b'{"ok":false,"error_code":400,"description":"chat not found"}'))
    assert (refused.status, refused.trouble) == (400, "400: chat not found")
    assert webhook.fate(refused, 9, webhook.REFUSED_S, 0, 0).state == "failed"
    odd = meant(kind, Delivery(200, body=b"<html>a proxy's page</html>"))
    assert webhook.fate(odd, 1, 0, 0, 0).state == "waiting"


@pytest.mark.parametrize(
    "body", [b"[]", b'{"ok":1}', b'{"ok":false}', b'{"ok":false,"error_code":"x","parameters":7}', b"null"]
)
def test_whatever_a_bot_answers_is_no_harm(body: bytes) -> None:
    assert webhook.fate(meant("telegram", Delivery(200, body=body)), 1, 0, 0, 0).state == "waiting"


def test_telegram_says_in_its_body_how_long_to_wait() -> None:
    told = b'{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 31","parameters":{"retry_after":31}}'
    answer = meant("telegram", Delivery(429, body=told))
    assert webhook.fate(answer, 1, 0, 0, 0).wait_s == 31


def test_why_slack_and_alertmanager_refuse_is_told() -> None:
    assert meant("slack", Delivery(404, body=b"no_service")).trouble == "answered 404: no_service"
    assert meant("alertmanager", Delivery(400, body=b'"start time must be before end time"')).trouble.endswith(
        'end time"'
    )


# --- what is kept, what is written ---


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"alerts":[]}', b"\xff", b'{"status":"firing","alerts":[{"labels":[]}]}']
)
def test_a_damaged_page_is_told_and_not_sent(raw: bytes) -> None:
    with pytest.raises(BadPage):
        notice_of(raw, "msg_1")


def test_a_page_about_a_conference_goes_every_way() -> None:
    about = {
        "id": "hn-0301",
        "owner": "Đội MCU",
        "at": "x",
        "starts_ms": 5,
        "at_ms": 9_000,
        "vi": "Hội nghị …",
        "en": "Conference …",
    }
    said = notice_of(webhook.conference_body(about, "firing", "on-call", "hub-79", "vi"), "msg_9")
    for kind in SCHEMAS:
        assert misfits(json.loads(sent(kind, said).body), SCHEMAS[kind]) == []


def test_the_files_kinds_are_those_there_are() -> None:
    assert set(receiver.KINDS) == set(channels.KINDS) == set(receiver_faults._KINDS)


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("pagerduty", "", "empty"),
        ("pagerduty", "two words", "blanks"),
        ("telegram", "bot123", "no token"),
        ("zalo", "12:áb", "no token"),
        ("slack", "hooks.slack.example", "no address"),
        ("teams", "http://x.example", "no address"),
    ],
)
def test_a_secret_a_kind_cannot_use_is_told_without_it(kind: str, text: str, why: str) -> None:
    with pytest.raises(BadSecret) as told:
        channels.check_secret(kind, text)
    assert why in str(told.value) and (not text or text not in str(told.value))


def test_secrets_that_are_good_are_taken() -> None:
    given = {kind: text for kind, text in SECRETS.items() if text}
    for kind, text in given.items():
        channels.check_secret(kind, text)
    with pytest.raises(BadSecret):  # the same question has another answer for what is none
        channels.check_secret(next(iter(given)), "")


def write_golden(folder: Path = GOLDEN, make: Callable[..., Request] = sent) -> None:
    """Make the golden requests anew: `python -c 'import test_channels; test_channels.write_golden()'`, then read them."""
    for kind in SCHEMAS:
        for status in STATUSES:
            request = make(kind, notice(status))
            text = json.dumps({"url": request.url, "body": json.loads(request.body)}, ensure_ascii=False, indent=1)
            (folder / f"{kind}.{status}.json").write_text(text + "\n", encoding="utf-8")
