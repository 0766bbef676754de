"""docs/webhook.md: its example verifies real pages, and its tables are those of the code."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import pytest
from checkout import ROOT
from pages import VIEW

from alerts.notify import webhook

TEXT = (ROOT / "docs" / "webhook.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The Python block as a module of its own."""
    path = tmp_path_factory.mktemp("docs") / "receiver_example.py"
    path.write_text(block("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("receiver_example", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "một câu bí mật\n"])
def test_the_example_verifies_a_page_and_nothing_that_was_changed(example: Any, secret: str) -> None:
    raw = webhook.body(VIEW, "firing", "on-call", "hub", "vi")
    sent = webhook.headers("msg_1", 1_790_000_000, raw, webhook.key_of(secret))
    headers = {name.lower(): value for name, value in sent.items()}
    assert example.verify(headers, raw, secret, now=1_790_000_010)
    assert not example.verify(headers, raw + b" ", secret, now=1_790_000_010)
    assert not example.verify(headers | {"webhook-id": "msg_2"}, raw, secret, now=1_790_000_010)
    assert not example.verify(headers, raw, "another", now=1_790_000_010)
    assert not example.verify(headers, raw, secret, now=1_790_000_400)


def test_the_example_verifies_the_published_vector(example: Any) -> None:
    body, secret = b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    hub = webhook.headers("x", 0, body, webhook.key_of(secret))["X-Hub-Signature-256"]
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,bm9uc2Vuc2U= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "x-hub-signature-256": hub,
    }
    assert example.verify(headers, body, secret, now=1614265330)


def shape(value: Any) -> Any:
    """The keys of an object, all the way down."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items() if key != "…"}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_the_body_in_the_text_has_the_keys_of_a_real_one() -> None:
    shown = json.loads(block("json"))
    real = json.loads(webhook.body(VIEW, "firing", "on-call", "hub", "vi"))
    for one in real["alerts"]:
        one["labels"] = one["annotations"] = {}
    assert shape(shown) == shape(real)


def test_headers_answers_and_waits_in_the_text_are_those_of_the_code() -> None:
    sent = webhook.headers("msg_1", 1, b"", b"k")
    assert [name for name in sent if name not in TEXT and name != "User-Agent"] == []
    assert ", ".join(map(str, webhook.REFUSALS)) in TEXT
    assert webhook.REFUSED_S == 86400 and "for a day" in TEXT
    assert ", ".join(f"{wait:g} s" for wait in webhook.BACKOFF_S) in TEXT
    assert webhook.GIVE_UP_S == 3 * 86400 and webhook.MAX_RETRY_AFTER_S == 3600
