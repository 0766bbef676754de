"""The lab's receiver accepts what is signed as Standard Webhooks and GitHub say, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest

from netmon.lab.receiver import Inbox, ReceivedPage, fault_of, secret_key

# The example of the Standard Webhooks specification's own test suite.
SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SPEC_ID, SPEC_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
SPEC_BODY = b'{"test": 2432232314}'
SPEC_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def signed(body: bytes, key: bytes, name: str = "page-1", at_s: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at_s is None else at_s))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        "x-hub-signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


def test_the_specifications_own_example_verifies() -> None:
    key = secret_key(SPEC_SECRET)
    headers = {"webhook-id": SPEC_ID, "webhook-timestamp": str(SPEC_TIME), "webhook-signature": SPEC_SIGNATURE}
    headers["x-hub-signature-256"] = "sha256=" + hmac.new(key, SPEC_BODY, hashlib.sha256).hexdigest()
    assert fault_of(headers, SPEC_BODY, key, SPEC_TIME) == ""


@pytest.mark.parametrize("broken", ["webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256"])
def test_a_page_without_one_of_its_signatures_is_refused(broken: str) -> None:
    headers = signed(b"{}", b"key")
    headers[broken] = "0"
    assert fault_of(headers, b"{}", b"key", time.time()) != ""


def test_a_changed_body_and_an_old_page_are_refused() -> None:
    assert fault_of(signed(b"{}", b"key"), b"{ }", b"key", time.time()) == "webhook-signature does not verify"
    assert "5 minutes" in fault_of(signed(b"{}", b"key", at_s=1), b"{}", b"key", time.time())


def test_a_page_sent_twice_is_counted_once() -> None:
    pages: list[ReceivedPage] = []
    inbox = Inbox(b"key", pages.append, refuse=lambda fault: None)
    body = json.dumps({"status": "firing"}).encode()
    assert [inbox.take(signed(body, b"key"), body) for _ in range(3)] == [200, 200, 200]
    assert [page.status for page in pages] == ["firing"]
    assert inbox.repeats == 2


def test_a_forged_page_is_refused_and_told() -> None:
    told: list[str] = []
    inbox = Inbox(b"key", lambda page: None, refuse=told.append)
    assert inbox.take(signed(b"{}", b"other"), b"{}") == 401
    assert inbox.take(signed(b"[1]", b"key"), b"[1]") == 400
    assert told == ["webhook-signature does not verify", "the body is no JSON object"]
    assert inbox.pages == []
