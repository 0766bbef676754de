"""`netmon config`: exit codes, data on stdout, messages on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkout import EXAMPLES

from netmon.cli import app


@pytest.mark.parametrize("name", ["agent", "hub", "inventory", "rules"])
def test_the_shipped_examples_are_good(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["config", "check", str(EXAMPLES / f"{name}.yaml")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{EXAMPLES}/{name}.yaml: {name}, good\n") and err == ""


def test_the_shipped_examples_fit_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["config", "check", *map(str, sorted(EXAMPLES.glob("*.yaml")))]) == 0
    assert capsys.readouterr().err == ""


def test_faults_of_all_files_go_to_stderr_with_code_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent, hub = tmp_path / "agent.yaml", tmp_path / "hub.yaml"
    agent.write_text("agent: a\nsite: a\nflush_every: 10\ndestinations: []\nchecks: []\n")
    hub.write_text("listen: nowhere\ninventory: none.yaml\n")
    assert app.main(["config", "check", str(agent), str(hub)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory",
        f"{agent}:3: flush_every: '10' is not a duration (write 500ms, 5s, 10m, 2h or 1d)",
        f"{hub}:1: listen: 'nowhere' is not ADDRESS:PORT (write 127.0.0.1:8443 or [::1]:8443)",
    ]


def test_the_role_may_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: a\n")
    assert app.main(["config", "check", "--as", "inventory", str(path)]) == 78
    assert "hub_site: is missing" in capsys.readouterr().err


def test_notes_are_no_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "agent.yaml"
    text = (EXAMPLES / "agent.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("c00004-core", "c00004-kern"), encoding="utf-8")
    assert app.main(["config", "check", str(path), str(EXAMPLES / "inventory.yaml")]) == 0
    out, err = capsys.readouterr()
    assert out.count("good") == 2 and [line[:6] for line in err.splitlines()] == ["note: ", "note: "]


def test_hostile_names_show_harmlessly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text('hub_site: a\nsites:\n  - {id: a, kind: core, name: "\\e[31m[/oops]\\u202e"}\n')
    assert app.main(["config", "show", str(path)]) == 0
    assert app.main(["config", "show", "-o", "json", str(path)]) == 0
    path.write_text('"\\e[31m[/oops]\\u202e": 1\n')
    assert app.main(["config", "check", str(path)]) == 78
    out, err = capsys.readouterr()
    assert not {"\x1b", "\u202e"} & set(out + err)
    assert "[/oops]" in out and "[/oops]" in err


def test_show_prints_nothing_of_a_faulty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("listen: nowhere\n")
    assert app.main(["config", "show", str(path)]) == 78
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("role", ["agent", "hub", "inventory", "rules"])
def test_schema_and_sample_are_data(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["config", "schema", role]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == f"{role}.yaml"
    assert app.main(["config", "sample", role]) == 0
    assert capsys.readouterr().out.startswith(f"# {role}.yaml: ")


def test_words_that_are_no_command_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["config"], ["config", "check"], ["config", "schema", "nothing"]):
        with pytest.raises(SystemExit) as caught:
            app.main(words)
        assert caught.value.code == 2
    assert capsys.readouterr().out == ""
