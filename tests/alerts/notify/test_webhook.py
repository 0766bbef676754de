"""A page's body, both signatures against examples others published, and what every answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import VIEW

from alerts.errors import BadSecret
from alerts.notify import webhook
from alerts.notify.webhook import Delivery, Fate, fate


def page(**more: object) -> dict[str, Any]:
    return dict(json.loads(webhook.body(VIEW | more, "firing", "on-call", "hub-79", "vi")))


# --- signatures ---


def test_the_signature_is_the_one_standard_webhooks_published() -> None:
    """The example of the specification's own test suite (also svix's documentation)."""
    key = webhook.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    got = webhook.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key)
    assert got["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (got["webhook-id"], got["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_the_hub_signature_is_the_one_github_published() -> None:
    """GitHub, "Validating webhook deliveries": testing the validation."""
    key = webhook.key_of("It's a Secret to Everybody")
    got = webhook.headers("msg_1", 1, b"Hello, World!", key)["X-Hub-Signature-256"]
    assert got == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_a_secret_file_may_end_with_a_newline() -> None:
    assert webhook.key_of("plain\n") == b"plain"
    assert webhook.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n") == webhook.key_of(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    )


@pytest.mark.parametrize("text", ["", " \n", "whsec_", "whsec_not base64!", "whsec_ư"])
def test_a_secret_nobody_can_use_is_refused_and_never_told(text: str) -> None:
    with pytest.raises(BadSecret) as told:
        webhook.key_of(text)
    assert len(text.strip()) < 7 or text.strip()[6:] not in str(told.value)


def test_a_page_keeps_its_id_over_retries_and_each_page_has_its_own() -> None:
    ids = {
        webhook.page_id(one, who, what) for one in ("a", "b") for who in ("x", "y") for what in ("firing", "resolved")
    }
    assert len(ids) == 8
    assert webhook.page_id("a", "x", "firing") == webhook.page_id("a", "x", "firing")


# --- body ---


def test_the_body_has_every_key_of_alertmanager_version_4() -> None:
    got = page()
    assert set(got) == {
        "receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "version",
        "groupKey", "truncatedAlerts", "incident",
    }  # fmt: skip
    assert (got["version"], got["status"], got["receiver"], got["truncatedAlerts"]) == ("4", "firing", "on-call", 0)
    [alert] = got["alerts"]
    assert set(alert) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert alert["startsAt"] == "2026-09-21T14:13:20.000Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert all(isinstance(value, str) for value in (alert["labels"] | alert["annotations"]).values())
    assert alert["labels"]["alertname"] == "down"


def test_the_incident_tells_cause_owner_and_whom_to_call() -> None:
    got = page()["incident"]
    for key in (
        "id",
        "element",
        "kind",
        "severity",
        "owner",
        "carrier",
        "circuit_id",
        "contact",
        "suspects",
        "vi",
        "en",
    ):
        assert got[key] == VIEW[key], key
    assert (got["first_miss"], got["resolved"]) == ("2026-09-21T14:13:20.000Z", None)
    assert got["evidence"] == {"against": 98, "clear": 1, "also": ["on-battery ups-hcm"]}


def test_twenty_symptoms_are_told_and_all_are_counted() -> None:
    got = page()["incident"]
    assert got["symptoms"] == [f"commune:{code:05}" for code in range(20)]
    assert got["symptom_count"] == 98


def test_a_resolved_page_says_when_it_ended() -> None:
    got = json.loads(webhook.body(VIEW | {"resolved_ms": 1_790_000_060_000}, "resolved", "on-call", "hub", "en"))
    assert (got["status"], got["alerts"][0]["status"]) == ("resolved", "resolved")
    assert got["alerts"][0]["endsAt"] == got["incident"]["resolved"] == "2026-09-21T14:14:20.000Z"
    assert got["commonAnnotations"]["summary"] == VIEW["en"]


def test_a_page_of_a_whole_province_stays_below_what_standard_webhooks_advises() -> None:
    assert len(webhook.body(VIEW | {"name": "x" * 200}, "firing", "on-call", "hub", "vi")) < 20_000


@given(st.text(max_size=80))
def test_any_name_makes_a_body_that_is_json(name: str) -> None:
    raw = webhook.body(VIEW | {"name": name, "owner": name, "vi": name}, "firing", name, name, "vi")
    assert isinstance(json.loads(raw), dict)


def test_half_of_a_surrogate_pair_does_not_stop_a_page() -> None:
    assert json.loads(webhook.body(VIEW | {"name": "\ud800"}, "firing", "r", "h", "vi"))["incident"]["name"] == "?"


# --- what an answer means ---


@pytest.mark.parametrize(
    ("status", "tries", "state"),
    [
        (200, 1, "accepted"),
        (202, 1, "accepted"),
        (204, 9, "accepted"),
        (0, 50, "waiting"),  # nobody answered
        (500, 50, "waiting"),
        (502, 50, "waiting"),
        (503, 50, "waiting"),
        (429, 50, "waiting"),
        (408, 50, "waiting"),
        (301, 50, "waiting"),  # the address moved: somebody must mend the configuration, the page waits
        (401, 50, "waiting"),
        (403, 50, "waiting"),
        (404, 50, "waiting"),
        (400, 50, "waiting"),  # whoever stands between may refuse for a while
        (413, 50, "waiting"),
        (422, 50, "waiting"),
        (410, 50, "waiting"),
    ],
)
def test_the_table_of_answers(status: int, tries: int, state: str) -> None:
    assert fate(Delivery(status), tries, 1.0, 0.0, 0.5).state == state


@pytest.mark.parametrize("status", webhook.REFUSALS)
def test_a_refusal_is_believed_after_a_day(status: int) -> None:
    assert fate(Delivery(status), 300, 86400 - 1, 0.0, 0.5).state == "waiting"
    assert fate(Delivery(status), 300, 86400, 0.0, 0.5) == Fate("failed")


def test_tries_tell_how_long_a_page_was_tried_whatever_the_clock_says() -> None:
    assert [webhook.tried_s(tries) for tries in (0, 1, 2, 3)] == [0, 0, 1.25, 5]
    assert webhook.tried_s(8 + 10) == 1.25 * (524 + 10 * 300)


def test_resolved_has_labels_and_start_of_its_firing_page() -> None:
    first = webhook.body(VIEW, "firing", "r", "h", "vi")
    later = VIEW | {"kind": "loss", "severity": "warning", "owner": "other", "resolved_ms": 9_000, "first_miss_ms": 1}
    page = json.loads(webhook.labelled_as(webhook.body(later, "resolved", "r", "h2", "vi"), first))
    told = json.loads(first)
    [alert], [was] = page["alerts"], told["alerts"]
    assert (page["commonLabels"], page["groupLabels"]) == (told["commonLabels"], told["groupLabels"])
    assert (alert["labels"], alert["startsAt"]) == (was["labels"], was["startsAt"])
    assert (alert["status"], page["incident"]["kind"]) == ("resolved", "loss")


@pytest.mark.parametrize("first", [b"{}", b'{"alerts": []}', b'{"alerts": [1]}', b"[]"])
def test_a_firing_page_of_another_shape_changes_nothing(first: bytes) -> None:
    raw = webhook.body(VIEW, "resolved", "r", "h", "vi")
    assert webhook.labelled_as(raw, first) == raw


def test_retries_follow_the_table_and_are_spread_by_a_quarter() -> None:
    middle = [fate(Delivery(0), tries, 0.0, 0.0, 0.5).wait_s for tries in range(1, 10)]
    assert middle == [1, 3, 10, 30, 60, 120, 300, 300, 300]
    assert fate(Delivery(0), 3, 0.0, 0.0, 0.0).wait_s == 7.5
    assert fate(Delivery(0), 3, 0.0, 0.0, 1.0).wait_s == 12.5


def test_a_page_is_given_up_after_three_days() -> None:
    assert fate(Delivery(503), 900, 3 * 86400 - 1, 0.0, 0.5).state == "waiting"
    assert fate(Delivery(503), 900, 3 * 86400, 0.0, 0.5).state == "failed"
    assert fate(Delivery(200), 900, 9 * 86400, 0.0, 0.5).state == "accepted"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999999999999999", 3600),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60),
        ("Mon, 21 Sep 2026 14:12:20 GMT", 0),  # past
        ("Mon, 21 Sep 2026 21:14:20 +0700", 60),
        ("Mon, 21 Sep 9999 14:14:20 GMT", 3600),
        ("Mon, 99 Sep 2026 14:14:20 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_at_most_an_hour(text: str, seconds: float) -> None:
    assert webhook.retry_after_s(text, 1_790_000_000.0) == seconds


def test_retry_after_lengthens_the_wait_and_never_shortens_it() -> None:
    assert fate(Delivery(503, retry_after="45"), 1, 0.0, 0.0, 0.5).wait_s == 45
    assert fate(Delivery(503, retry_after="1"), 4, 0.0, 0.0, 0.5).wait_s == 30


@given(st.text(max_size=60))
def test_any_retry_after_is_harmless(text: str) -> None:
    assert 0 <= webhook.retry_after_s(text, 1_790_000_000.0) <= 3600


@pytest.mark.parametrize(
    ("wanted", "date", "told"),
    [
        ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "30"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT", "0"),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "", "Wed, 21 Oct 2015 07:28:30 GMT"),
        ("120", "Wed, 21 Oct 2015 07:28:00 GMT", "120"),
        ("soon", "now", "soon"),
    ],
)
def test_a_date_to_come_again_is_read_by_the_clock_of_who_wrote_it(wanted: str, date: str, told: str) -> None:
    assert webhook.by_its_clock(wanted, date) == told
