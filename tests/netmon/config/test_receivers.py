"""Receivers of every kind as a hub's file has them: what is good, and what is told of what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT

from netmon.config import files, receiver_faults
from netmon.config.receiver import KINDS, ReceiverConfig

GOOD: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://pager.example/", "secret_file": "s"},
    "pagerduty": {"secret_file": "s"},
    "alertmanager": {"url": "http://am.example:9093"},
    "telegram": {"secret_file": "s", "to": ["-100123/4"]},
    "zalo": {"secret_file": "s", "to": ["abc123"]},
    "slack": {"secret_file": "s"},
    "teams": {"secret_file": "s"},
    "sms": {
        "url": "https://sms.example/{to}",
        "to": ["+84912345678", "113"],
        "body": '{"t":"{text}"}',
        "secret_file": "s",
    },
    "mail": {"url": "smtp://mail.example:587", "to": ["a@x.example", "b@x.example"], "from": "netmon@x.example"},
    "syslog": {"url": "tls://log.example", "facility": "23"},
    "apprise": {"secret_file": "s"},
}


def read(tmp_path: Path, row: dict[str, Any]) -> tuple[ReceiverConfig, list[str]]:
    path = tmp_path / "hub.yaml"
    path.write_text(json.dumps({"receivers": [{"name": "r", **row}]}), encoding="utf-8")
    config, reader = files.read_hub(path)
    return config.receivers[0], [f"{fault.key}: {fault.what}" for fault in reader.problems()]


def faults(tmp_path: Path, kind: str, **more: Any) -> list[str]:
    """Faults of a good receiver that was changed; None takes a key away."""
    row = {"kind": kind, **GOOD[kind], **more}
    return read(tmp_path, {key: value for key, value in row.items() if value is not None})[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_receiver_of_each_kind(kind: str, tmp_path: Path) -> None:
    config, problems = read(tmp_path, {"kind": kind, **GOOD[kind]})
    assert problems == [] and config.kind == kind


def test_a_file_of_before_says_webhook(tmp_path: Path) -> None:
    config, problems = read(tmp_path, GOOD["webhook"])
    assert (config.kind, config.url, problems) == ("webhook", "https://pager.example/", [])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_needs_is_missed_by_name(kind: str, tmp_path: Path) -> None:
    for key in receiver_faults._KINDS[kind].needs:
        assert f"receivers[1].{key}: is missing" in faults(tmp_path, kind, **{key: None})


def test_a_key_another_kind_reads_is_told(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "pagerduty", to=["x"])
    assert fault == "receivers[1].to: is nothing a receiver of kind pagerduty reads"


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        ("telegram", {"to": ["chat one"]}, "to[1]: 'chat one' cannot be used here"),
        ("telegram", {"to": ["1", "2"]}, "to[2]: is one chat too many"),
        ("sms", {"to": ["0912-345"]}, "to[1]: '0912-345' cannot be used here"),
        ("sms", {"body": "{txt} {text}"}, "body: '{txt}' is no gap netmon fills"),
        ("sms", {"body": "{}"}, "body: has no {text}"),
        ("sms", {"url": "http://sms.example/"}, "url: would send the secret in the clear"),
        ("mail", {"to": ["Lan <a@x.example>"]}, "cannot be used here"),
        ("mail", {"from": "lan"}, "from: 'lan' cannot be used here"),
        ("mail", {"url": "https://mail.example"}, "url: is not an address of smtp or smtps"),
        ("mail", {"url": "smtp://mail.example/x"}, "url: has a path"),
        ("mail", {"user": "u"}, "secret_file: is missing"),
        ("mail", {"user": "u", "secret_file": "s", "tls": "none"}, "url: would send the secret in the clear"),
        ("syslog", {"url": "log.example:514"}, "url: is not an address of udp or tcp or tls"),
        ("pagerduty", {"url": "http://pd.example/"}, "url: would send the secret in the clear"),
        ("alertmanager", {"secret_file": "s"}, "url: would send the secret in the clear"),
        ("webhook", {"test_at": "8:00"}, "test_at: '8:00' is no time of day"),
        ("slack", {"url": "hooks"}, "url: is not a web address"),
    ],
)
def test_what_cannot_work_is_told_before_the_first_page(
    kind: str, more: dict[str, Any], why: str, tmp_path: Path
) -> None:
    assert any(why in fault for fault in faults(tmp_path, kind, **more)), faults(tmp_path, kind, **more)


def test_a_kind_nobody_knows_is_told_once(tmp_path: Path) -> None:
    [fault] = read(tmp_path, {**GOOD["webhook"], "kind": "pager"})[1]
    assert fault.startswith("receivers[1].kind: ")


def with_people(tmp_path: Path, *people: dict[str, str], **more: Any) -> list[str]:
    """Faults of a receiver with a rota."""
    wanted = {"name": "r", "kind": "sms", "url": "https://x.example/{text}", "rota": ["lan", "minh"], **more}
    row = {key: value for key, value in wanted.items() if value is not None}
    path = tmp_path / "hub.yaml"
    path.write_text(json.dumps({"receivers": [row], "people": people}), encoding="utf-8")
    return [f"{fault.key}: {fault.what}" for fault in files.read_hub(path)[1].problems()]


LAN, MINH = {"name": "lan", "phone": "+84911"}, {"name": "minh", "phone": "0912", "chat": "-5"}


def test_a_rota_needs_people_who_can_be_reached(tmp_path: Path) -> None:
    assert with_people(tmp_path, LAN, MINH, rota_from="2026-11-30") == []
    assert with_people(tmp_path, LAN) == ["receivers[1].rota[2]: 'minh' is nobody of people"]
    assert with_people(tmp_path, LAN, MINH, kind="telegram", url=None, secret_file="s") == [
        "receivers[1].rota[1]: 'lan' has no chat"
    ]
    assert with_people(tmp_path, LAN, MINH, rota_from="30/11") == ["receivers[1].rota_from: '30/11' is no day"]
    assert with_people(tmp_path, LAN, MINH, to=["113"]) == ["receivers[1].to: is not used beside a rota"]
    assert with_people(tmp_path, LAN, MINH | {"phone": "x"}) == ["people[2].phone: 'x' cannot be used here"]
    assert "people[3].name: 'lan' is already taken" in with_people(tmp_path, LAN, MINH, LAN)[0]


def test_the_page_about_channels_names_every_kind_and_key() -> None:
    text = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    for kind, known in receiver_faults._KINDS.items():
        assert f"`{kind}`" in text
        assert [key for key in (*known.needs, *known.may) if f"`{key}`" not in text] == []
