"""Texts for people in files of their own, so that who knows the language can mend them: a key, and below it one line a language."""

from __future__ import annotations

from pathlib import Path

LANGUAGES = ("vi", "en")


def read_texts(path: Path) -> dict[str, dict[str, str]]:
    """Language → key → text. In the file a key stands at the beginning of a line, `  vi: …` and `  en: …` below it; lines
    that begin with # are passed over."""
    texts: dict[str, dict[str, str]] = {lang: {} for lang in LANGUAGES}
    key = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            lang, _, text = line.strip().partition(": ")
            texts[lang][key] = text
        elif line and not line.startswith("#"):
            key = line
    return texts
