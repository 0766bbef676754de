"""What the command line makes of its terminal: language, letters, global options wherever they stand, Ctrl-C."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.cli import app, terminal, up

NETMON = [sys.executable, "-m", "netmon"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LANG": "vi_VN.UTF-8"}, "vi"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "C.UTF-8"}, None), ({}, None),
        ({"LANG": "en_US", "LC_ALL": "vi_VN"}, "vi"), ({"LANG": "vi", "NETMON_LANG": "en"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, None), ({"LANG": "english"}, None), ({"LC_MESSAGES": "vi"}, "vi"),
    ],
)  # fmt: skip
def test_the_language_is_the_locales(environ: dict[str, str], said: str | None) -> None:
    assert terminal.language(environ) == said


@pytest.mark.parametrize("words", [["--lang", "en", "status"], ["status", "--lang", "en"], ["status", "--lang=en"]])
def test_global_options_work_on_both_sides_of_the_verb(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main([*words, "--socket", str(tmp_path / "none")]) == 3
    assert "no agent answers" in capsys.readouterr().err


def test_what_follows_two_dashes_is_left_alone() -> None:
    assert terminal.global_first(["probe", "--", "--lang", "x"]) == ["probe", "--", "--lang", "x"]


@given(st.text(max_size=40))
def test_any_text_can_be_written_in_ascii(text: str) -> None:
    plain = "".join(map(terminal.plain_letter, text))
    assert plain.isascii()


def test_vietnamese_without_its_marks_stays_readable() -> None:
    assert "".join(map(terminal.plain_letter, "● Đường truyền: TỐT – gọi…")) == "* Duong truyen: TOT - goi..."


def test_an_ascii_locale_gets_plain_letters_and_no_traceback(tmp_path: Path) -> None:
    environ = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*NETMON, "--lang", "vi", "status", "--help"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stderr == "" and "duong truyen cua may nay" in done.stdout


def test_a_terminal_that_cannot_draw_is_told_what_to_do_instead(tmp_path: Path) -> None:
    environ = {**os.environ, "TERM": "dumb"}
    done = subprocess.run([*NETMON, "console"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "--once" in done.stderr


@pytest.mark.parametrize("options", [["--token-file", "{}/none"], ["--hub", "https://127.0.0.1:1", "--ca", "{}/none"]])
def test_a_file_that_is_not_there_is_named_without_a_number(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["incidents", *(word.format(tmp_path) for word in options)]) == 3
    told = capsys.readouterr().err
    assert str(tmp_path / "none") in told and "No such file" in told and "Errno" not in told and "{" not in told


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_one_machine_says_what_it_measures(lang: str) -> None:
    told = up._measures([("host", "host", ""), ("gateway", "ping", "10.0.0.1")], Path("/x"), lang)
    assert "gateway (ping 10.0.0.1)" in told and "host (host)" in told


@pytest.mark.world
def test_ctrl_c_keeps_what_was_measured() -> None:
    words = ["probe", "tcp", "127.0.0.1:1", "-n", "1000", "-o", "json"]
    with subprocess.Popen([*NETMON, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(2.0)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=10)
    assert running.returncode == 130 and err == ""
    told = json.loads(out)
    assert 3 <= told["values"]["sent"] <= 12


@pytest.mark.parametrize("words", [["config", "sample", "agent"], ["config", "schema", "agent"]])
def test_a_full_disk_behind_stdout_is_told_in_one_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*NETMON, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (3, "netmon config: No space left on device\n")


def test_a_level_of_the_log_that_is_none_is_refused_wherever_it_was_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("NETMON_LOG", "loud")
    with pytest.raises(SystemExit):
        app.main(["status", "--socket", str(tmp_path / "none")])
    assert "NETMON_LOG: invalid choice: 'loud'" in capsys.readouterr().err


@pytest.mark.parametrize(("kept", "ends"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_closes_is_ctrl_c_unless_nohup_said_otherwise(kept: signal.Handlers, ends: bool) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, kept)
        up._end_in_order()
        if ends:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGHUP)
        else:
            signal.raise_signal(signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_events_of_a_lab_are_told_in_the_one_zone_which_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    up._as_text({"at": "2026-11-30T23:01:43.000+00:00", "event": "started", "element": "", "detail": "5 agents report"})
    assert capsys.readouterr().out.startswith("06:01:43 +07  started ")


@pytest.mark.parametrize(
    "hub", ["http://[::1", "https://127.0.0.1:99999999", "https://", "https://:1", "https://h:x", "a\0b", ""]
)
def test_a_hub_that_can_be_none_is_refused_in_one_line(hub: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["incidents", "--hub", hub]) == 2
    told = capsys.readouterr().err
    assert told.startswith("command line: --hub: '") and told.count("\n") == 1


def test_a_fault_of_ours_is_one_line_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(args: argparse.Namespace) -> int:
        raise TypeError("x is no y")

    monkeypatch.setattr("netmon.cli.config.run", broken)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert app.main(["config", "sample", "agent"]) == 1
    told = capsys.readouterr().err
    assert "TypeError: x is no y" in told and "--log debug" in told and told.count("\n") == 1
