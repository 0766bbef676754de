"""What people write in sheets, in forms that can be compared: names without accents, codes with their zeros. Pure."""

from __future__ import annotations

import re
import unicodedata

from inventory.codes import is_commune, is_province
from probes.clean import clean

_TONES = "\u0300\u0301\u0303\u0309\u0323"  # grave, acute, tilde, hook, dot below
_NUMBER = re.compile(r"'?([0-9]{1,19})(?:[.,]0{1,2})?", re.ASCII)
_KINDS = re.compile(
    r"^(?:ubnd|uy ban nhan dan|diem cau|xa|phuong|thi tran|dac khu|tinh|thanh pho|tp|commune of|province of) (?=\S)"
)
_END = re.compile(r" (?:commune|ward|province|city|special zone)$")
_WORDS = re.compile(r"[^0-9a-z]+")
_MOBILE = re.compile(r"[35789][0-9]{8}|2[0-9]{9}", re.ASCII)


def tidy(text: str) -> str:
    """One line in one normal form (NFC): line breaks and hard spaces are spaces, invisible characters are gone, and what
    else could harm a terminal is replaced."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    line = " ".join(unicodedata.normalize("NFC", visible).split())
    return clean(line, len(line))


def fold(text: str) -> str:
    """Lower case, no accents (đ is d), words parted by one space: `Mã xã:` and `MA XA` are equal."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return _WORDS.sub(" ", letters).strip()


def bare(text: str) -> str:
    """A place's name folded, without what kind of place it is: `Xã Ba Vì` and `BA VI` are equal."""
    name = _END.sub("", fold(text))
    while (shorter := _KINDS.sub("", name)) != name:
        name = shorter
    return name


def accented(text: str) -> str:
    """Lower case with all accents, wherever in a word a tone is written: `Hoà` and `Hòa` are equal, `Hoa` is not."""
    return " ".join(map(_tone_last, re.split(r"\W+", unicodedata.normalize("NFC", text.casefold())))).strip()


def _tone_last(word: str) -> str:
    marks = unicodedata.normalize("NFD", word)
    tones = "".join(char for char in marks if char in _TONES)
    return "".join(char for char in marks if char not in _TONES) + tones


def number(text: str) -> str:
    """Digits of a number a spreadsheet made of a text: `2001.0` is 2001; all else as it is."""
    match = _NUMBER.fullmatch(text)
    return match[1] if match else text


def commune_code(text: str) -> str:
    """Five digits with the zeros a spreadsheet takes away (83, 83.0 → 00083); "" when it can be no code."""
    digits = number(text)
    code = digits.zfill(5) if digits.isascii() and digits.isdigit() else ""
    return code if is_commune(code) and int(code) > 0 else ""


def province_code(text: str) -> str:
    """Two digits (1, 1.0 → 01); "" when it can be no code."""
    digits = number(text)
    code = digits.zfill(2) if digits.isascii() and digits.isdigit() else ""
    return code if is_province(code) and int(code) > 0 else ""


def phone(text: str) -> str:
    """A telephone number with the 0 a spreadsheet takes away from Vietnamese ones; all else as it is."""
    digits = number(text)
    return f"0{digits}" if _MOBILE.fullmatch(digits) else digits


def slug(text: str) -> str:
    """A name as part of an id: `Nguyễn Văn A` → nguyen-van-a."""
    return fold(text).replace(" ", "-")[:40].strip("-")
