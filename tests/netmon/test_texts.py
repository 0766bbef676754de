"""Files of texts say everything in both languages, with the same gaps to fill."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checkout import ROOT

from netmon.texts import LANGUAGES, read_texts

FILES = ("netmon/cli/status.txt", "netmon/conference/sheet/messages.txt")


@pytest.mark.parametrize("name", FILES)
def test_both_languages_say_the_same(name: str) -> None:
    texts = read_texts(ROOT / name)
    vi, en = (texts[lang] for lang in LANGUAGES)
    assert len(vi) > 40 and vi.keys() == en.keys()
    for key in vi:
        gaps = [set(re.findall(r"\{\w+\}", text[key])) for text in (vi, en)]
        assert gaps[0] == gaps[1] and all((" → " in text[key]) == (" → " in vi[key]) for text in (vi, en)), key


def test_a_text_keeps_colons_and_the_file_its_remarks(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("# a remark\n\nfine\n  vi: Từ: {at}\n  en: Since: {at}\n", encoding="utf-8")
    assert read_texts(path) == {"vi": {"fine": "Từ: {at}"}, "en": {"fine": "Since: {at}"}}
