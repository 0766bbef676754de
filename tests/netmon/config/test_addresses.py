"""Addresses of files: what cannot be sent to, what would give a secret away, and how they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from netmon.config import files, show
from netmon.errors import ConfigError
from netmon.load import secret_files


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "hub.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        files.load_hub(path)
    except ConfigError as error:
        return [str(one).partition("hub.yaml:")[2] for one in error.problems]
    return []


def receiver(**more: str) -> str:
    told = {"name": "r", "url": "'https://pager.example/hook?k=1'", "secret_file": "s"} | more
    return f"receivers: [{{{', '.join(f'{key}: {value}' for key, value in told.items())}}}]\n"


@pytest.mark.parametrize(
    "url",
    ["https://pager.example/đường", "https://pager.example/a b", "https://bưuđiện.vn/", "https://pager.example/\\x85"],
)
def test_an_address_that_cannot_be_sent_to_is_refused(tmp_path: Path, url: str) -> None:
    [fault] = faults(tmp_path, receiver(url=f'"{url}"'))
    assert "receivers[1].url: has blanks or letters beyond ASCII" in fault
    assert "đ" not in fault


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://pager.example/hook?k=1#2", "has a #"),
        ("https://pager.example/#", "has a #"),
        ("https://pager.example/100%", "has a % that encodes nothing"),
        ("https://pager.example/%C4%9g", "has a % that encodes nothing"),
        ("https://pager..example/", "names no host"),
        (f"https://{'a' * 64}.example/", "names no host"),
        ("https://pager\\\\x.example/", "names no host"),
    ],
)
def test_an_address_that_would_be_sent_elsewhere_or_nowhere_is_refused(tmp_path: Path, address: str, why: str) -> None:
    [fault] = faults(tmp_path, receiver(url=f'"{address}"'))
    assert f"receivers[1].url: {why}" in fault


@pytest.mark.parametrize("host", ["pager.example.", "my_host", "[2001:db8::1]:8443", "[fe80::1%25eth0]", "10.0.0.1"])
def test_names_and_addresses_of_hosts_are_taken(tmp_path: Path, host: str) -> None:
    assert faults(tmp_path, receiver(url=f"'https://{host}/%C4%91?k=%231'")) == []


def test_a_scheme_in_capitals_is_clear_text_as_well(tmp_path: Path) -> None:
    text = "mcus: [{mcu: m, kind: cms, url: 'HTTP://mcu.example', user: u, password_file: p}]\n"
    assert "in the clear" in " ".join(faults(tmp_path, text))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://u:geh/eim@h/x", "https://(not shown)@h/x"),
        ("https://u:geh?eim@h/x", "https://(not shown)@h/x"),
        ("https://u:geh#eim@h/x", "https://(not shown)@h/x"),
        ("https://u:geh@eim@h/x?k", "https://(not shown)@h/x?(not shown)"),
        ("u:geheim@h:5060", "(not shown)@h:5060"),
        ("sip:u:geheim@h", "(not shown)@h"),
        ("//u:geheim@h/", "(not shown)@h/"),
        ("sip:room@mcu.example", "sip:room@mcu.example"),
        ("https://[::1]:8443/x?mail=a@b", "https://[::1]:8443/x?(not shown)"),
    ],
)
def test_a_password_with_any_sign_in_it_is_not_shown(written: str, shown: str) -> None:
    assert show._address(written) == shown


@pytest.mark.parametrize("words", ["[Critical]", "[warnings]", "[]", "[critical, '']"])
def test_a_receiver_that_would_never_get_a_page_is_refused(tmp_path: Path, words: str) -> None:
    assert "severities" in " ".join(faults(tmp_path, receiver(severities=words)))


def test_other_lists_that_mean_nothing_when_empty_are_refused(tmp_path: Path) -> None:
    assert len(faults(tmp_path, "server_names: []\nconferences: {stages: []}\n")) == 2


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://192.0.2.1:8086", False),
        ("http://influx:8086", False),
        ("HTTP://[2001:db8::1]:8086", False),
        ("http://127.0.0.1:8086", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:8086", True),
        ("http://localhost:8086", True),
        ("https://influx:8086", True),
    ],
)
def test_tokens_and_passwords_leave_the_machine_over_tls_only(tmp_path: Path, url: str, good: bool) -> None:
    for secret in ("token_file: t", "password_file: p, kind: influxdb1"):
        assert (faults(tmp_path, f"sinks: [{{name: db, url: '{url}', {secret}}}]\n") == []) == good
    assert faults(tmp_path, f"sinks: [{{name: db, url: '{url}'}}]\n") == []


def test_what_stands_in_an_address_like_a_secret_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text(receiver(url="'https://pager.example:8443/hook?key=geheim&x=1#mehr'"), encoding="utf-8")
    config, reader = files.read_hub(path)
    shown = "\n".join(show.lines(show.rows(config, reader)))
    assert "https://pager.example:8443/hook?(not shown)" in shown
    assert "geheim" not in shown
    assert "mehr" not in shown
    assert show._address("http://u:p@h/x#t") == "http://(not shown)@h/x#(not shown)"
    assert show._address("https://h/x") == "https://h/x"


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text(receiver(secret_file=str(tmp_path)), encoding="utf-8")
    config, reader = files.read_hub(path)
    secret_files.unusable(config, reader)
    assert ["secret_file: is a folder" in str(one) for one in reader.problems()] == [True]
