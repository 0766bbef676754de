"""`--help` and faults speak Vietnamese where the language is Vietnamese: every sentence, not those somebody remembered."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from checkout import ROOT

from netmon.cli import app, parser, vietnamese
from netmon.cli.conference import check as conferencecheck
from netmon.cli.conference import conference
from netmon.errors import Problem

PLAIN = re.compile(r"[a-z0-9, ]+")  # a list of names is one in every language


def _helps(one: argparse.ArgumentParser) -> Iterator[str]:
    yield from (text for text in (one.description, one.epilog) if text)
    for action in one._actions:
        yield from (
            help_.help
            for help_ in (action, *getattr(action, "_choices_actions", ()))
            if help_.help and help_.help != argparse.SUPPRESS
        )
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _helps(below)


def _all_helps() -> set[str]:
    texts = {text for verb in app.VERBS for text in _helps(app._parser(verb))}
    for module, _ in conference.WORDS.values():
        word = argparse.ArgumentParser()
        import_module(module).arguments(word)
        texts |= set(_helps(word))
    return texts - {"show this help message and exit"}


def test_every_text_of_help_is_turned() -> None:
    texts = _all_helps()
    assert len(texts) > 90
    names = {"agent, hub, inventory, rules"}
    left = {text for text in texts - names if vietnamese.help_text(text) == text}
    assert {text for text in left if not (PLAIN.fullmatch(text) and "sipcall" in text)} == set()


def _templates() -> Iterator[tuple[str, str, str]]:
    """(file, "what" or "write", sentence) of each fault that files' readers can tell, with `'x'` for what stands in it."""
    folders = ("netmon/config/**/*.py", "netmon/load/*.py", "netmon/conference/sheet/file.py")
    for path in sorted(one for folder in folders for one in ROOT.glob(folder)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = {"fault": 2, "Problem": 2, "_bad": 1}.get(name)
            for part, arg in zip(("what", "write"), node.args[at:] if at else (), strict=False):
                for text in map(_text, _meant(arg, tree)):
                    if text.strip("'x ") != "" and (name, text) != ("_bad", "is x"):
                        yield path.name, part, text


def _meant(node: ast.expr, tree: ast.AST) -> list[ast.expr]:
    """What an argument may be: itself, or what the name `what` is given somewhere in its file."""
    if not (isinstance(node, ast.Name) and node.id == "what"):
        return [node]
    given = [one for one in ast.walk(tree) if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "what"]
    values = [one.value for one in given]
    return [part for one in values for part in ([one.body, one.orelse] if isinstance(one, ast.IfExp) else [one])]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        return "".join(parts)
    return ""


def test_every_fault_of_a_file_is_turned() -> None:
    told = set(_templates())
    assert len(told) > 30
    turn = {"what": vietnamese.what, "write": vietnamese.write}
    assert {one for one in told if turn[one[1]](one[2]) == one[2]} == set()


def test_a_fault_keeps_its_place_and_its_words() -> None:
    told = vietnamese.problems(
        [
            Problem(
                "agent.yaml:3",
                "site",
                "is missing",
                "write letters, digits, . _ and -, at most 64, beginning with a letter or digit",
            )
        ]
    )
    assert told.startswith("agent.yaml:3: site: thiếu (ghi chữ cái")
    told = vietnamese.problems([Problem("hub.yaml:1", "quota", "'5x' is not a size", "write 256kB, 3MB, 1MiB or 2GB")])
    assert told == "hub.yaml:1: quota: '5x' không phải dung lượng (ghi 256kB, 3MB, 1MiB hoặc 2GB)"


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    parser.speak([], None)


def test_the_command_line_itself_is_answered_in_vietnamese(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        app.main(["probe", "--lang", "vi"])
    assert "thiếu đối số: KIND" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        app.main(["--lang", "vi", "status", "--help"])
    assert capsys.readouterr().out.startswith("cách dùng: netmon status")
    (tmp_path / "agent.yaml").write_text("agent: a\nsitee: b\n")
    assert app.main(["config", "check", str(tmp_path / "agent.yaml"), "--lang", "vi"]) == 78
    told = capsys.readouterr().err
    assert "sitee: khóa không có (có phải site?)" in told and "destinations: thiếu" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "trống"), (b"a: [1", "không phải YAML: "), (b"agent: a\0", "có ký tự điều khiển"), (b"\xff\xfe", "UTF-8"),
        (b"[" * 5000, "lồng quá sâu"), (b"x: *y", "bí danh"), (b"x: 1", "không phải tệp nào"),
    ],
)  # fmt: skip
def test_a_file_nobody_knows_is_told_by_what_hinders_reading_it(
    content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.yaml").write_bytes(content)
    assert app.main(["--lang", "vi", "config", "check", str(tmp_path / "some.yaml")]) == 78
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["status", "--socket", "/nowhere/a"], 3, "agent không trả lời"),
        (["status", "--config", "/nowhere/a.yaml"], 78, "không có tệp"),
        (["incidents", "--hub", "/nowhere/h"], 4, "không ai trả lời ở đó"),
        (["silence", "x"], 2, "cần --for"), (["silence", "x", "--for", "9999d"], 2, "nhiều nhất 90d"),
        (["up", "--lab", "0"], 3, "từ 1 đến 250 xã"), (["up", "--rooms"], 3, "chỉ có trong mạng thử"),
        (["probe", "ping", "a b"], 2, "không hiểu đích 'a b' (ghi địa chỉ"),
        (["probe", "pong", "a"], 2, "không phải loại phép đo (có: capacity"),
        (["reflector", "--listen", "192.0.2.1:862"], 3, "máy này không có địa chỉ đó (chọn địa chỉ khác)"),
    ],
)  # fmt: skip
def test_whoever_cannot_do_it_says_so_in_vietnamese(
    words: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main([*words, "--lang", "vi"]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status", "--lang", "fr"], ["status", "--lang"], ["status", "--lang="]])
def test_a_language_nobody_speaks_is_refused_in_the_readers(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETMON_LANG", "vi")
    with pytest.raises(SystemExit):
        app.main(words)
    assert "đối số --lang: không có" in capsys.readouterr().err


def test_why_a_room_is_not_ready_is_told_in_the_readers_language() -> None:
    said = "10.0.0.1 says nobody listens on the port: the host by another of its addresses, or a firewall (ICMP type 3)"
    told = conferencecheck._why(said, "vi")
    assert (
        told
        == "10.0.0.1 nói không chương trình nào nghe cổng: máy đó qua địa chỉ khác của nó, hoặc tường lửa (ICMP type 3)"
    )
    assert conferencecheck._why(said, "en") == said


def test_a_note_beside_good_files_is_told_in_the_readers_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = "checks: [{check: self, kind: host}]\n"
    where = f'destinations: [{{name: hub, url: "https://127.0.0.1:1", token_file: {tmp_path}/none}}]\n'
    (tmp_path / "agent.yaml").write_text(f"agent: a\nsite: b\n{where}{checks}")
    assert app.main(["config", "check", str(tmp_path / "agent.yaml"), "--lang", "vi"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("lưu ý: ") and "không có tệp bí mật" in told and "(tạo nó trước khi chạy)" in told


@pytest.mark.parametrize("section", vietnamese._sections())
def test_every_pair_of_the_text_file_can_be_used(section: str) -> None:
    for english, turned in vietnamese._sections()[section]:
        groups = 0 if section in ("help", "system") else re.compile(english).groups
        assert max([0, *map(int, re.findall(r"\\(\d)", turned))]) <= groups, english
        assert turned and turned == turned.strip()
