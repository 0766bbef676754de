"""`netmon resend`: what was set aside is asked for again, by name or all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from netmon.cli.app import main
from netmon.delivery import set_aside


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hub.yaml"
    path.write_text(
        f"name: test\nstate_dir: {tmp_path}/state\ninventory: inventory.yaml\n"
        "sinks:\n  - {name: a, url: 'http://127.0.0.1:1'}\n  - {name: b, url: 'http://127.0.0.1:1'}\n"
    )
    (tmp_path / "state" / "sinks").mkdir(parents=True)
    set_aside.SetAside(tmp_path / "state" / "sinks", "a").add(["m f=1 1", "m f=2 2"])
    return path


def test_all_that_is_set_aside_is_asked_for(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resend", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "a\t2\n"
    assert (file.parent / "state/sinks/a.resend.lp").read_text() == "m f=1 1\nm f=2 2\n"


def test_a_second_time_says_that_the_first_is_still_on_its_way(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resend", "--config", str(file), "a"]) == 0 and main(["resend", "--config", str(file), "a"]) == 3
    assert "still on their way" in capsys.readouterr().err


def test_an_unknown_name_is_told_with_those_there_are(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resend", "--config", str(file), "x"]) == 2
    assert "it has a, b" in capsys.readouterr().err
