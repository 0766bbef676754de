"""Texts whose letters programs took for Windows-1252: old Vietnamese fonts (TCVN3 of `.Vn…`, VNI), and UTF-8. Pure.

TCVN 5712:1993 (VN3, "ABC") has a byte a letter: `M· x·` is Mã xã, and a capital with a tone has the byte of its small
letter, for the font made it large. VNI writes accents behind their vowel: `Maõ xaõ`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from netmon.conference.sheet.syllables import strange

_LETTERS = {
    0xA1: "ĂÂÊÔƠƯĐăâêôơưđ",
    0xB5: "àảãáạ",
    0xBB: "ằẳẵắ",
    0xC6: "ặầẩẫấậè",
    0xCE: "ẻẽéẹềểễếệìỉ",
    0xDC: "ĩíịò",
    0xE1: "ỏõóọồổỗốộờởỡớợù",
    0xF1: "ủũúụừửữứựỳỷỹýỵ",
}
_TABLE = {first + at: letter for first, letters in _LETTERS.items() for at, letter in enumerate(letters)}

# VNI: what stands behind a vowel, and the letters a, e, o, u, y, ô (ơ), ö (ư) become by it; "." none.
_BEHIND = {
    "ù": "áéóúýớứ", "ø": "àèòùỳờừ", "û": "ảẻỏủỷởử", "õ": "ãẽõũỹỡữ", "ï": "ạẹọụ.ợự",
    "â": "âêô....", "á": "ấếố....", "à": "ầềồ....", "å": "ẩểổ....", "ã": "ẫễỗ....", "ä": "ậệộ....",
    "ê": "ă......", "é": "ắ......", "è": "ằ......", "ú": "ẳ......", "ü": "ẵ......", "ë": "ặ......",
}  # fmt: skip
_BEFORE = "aeouyôö"
_PAIRS = {
    vowel + mark: letter
    for mark, letters in _BEHIND.items()
    for vowel, letter in zip(_BEFORE, letters, strict=True)
    if letter != "."
}
_ALONE = {"ô": "ơ", "ö": "ư", "ñ": "đ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ"}
_VNI = {**_PAIRS, **_ALONE}
_VNI |= {old.upper(): letter.upper() for old, letter in _VNI.items()}
_VNI |= {old[0].upper() + old[1:]: letter.upper() for old, letter in _PAIRS.items()}
_IN_VNI = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)))
_WINDOWS = {char: byte for byte in range(256) if (char := bytes([byte]).decode("cp1252", "ignore"))}
_WINDOWS |= {chr(byte): byte for byte in range(256) if chr(byte) not in _WINDOWS}


class Font(NamedTuple):
    """An old font's letters. `name`: as people call it."""

    name: str
    turn: Callable[[str], str]


def from_tcvn3(text: str) -> str:
    """The Unicode text that was meant."""
    return text.translate(_TABLE)


def from_vni(text: str) -> str:
    """The Unicode text that was meant."""
    return _IN_VNI.sub(lambda match: _VNI[match[0]], text)


def from_utf8(text: str) -> str:
    """The text whose UTF-8 bytes were taken for Windows-1252 (`HÃ  Ná»™i`); as it is when they are none."""
    try:
        return bytes(_WINDOWS[char] for char in text).decode()
    except (KeyError, UnicodeDecodeError):
        return text


FONTS = (
    Font("TCVN3 (.Vn…)", from_tcvn3),
    Font("VNI", from_vni),
    Font("UTF-8 taken for Windows-1252", from_utf8),
)


def read_as(text: str, font: Font) -> str:
    """A cell in a font's letters; capitals throughout where its plain letters are."""
    turned = font.turn(text)
    plain = [char for char in text if char.isascii() and char.isalpha()]
    return turned.upper() if len(plain) > 1 and all(map(str.isupper, plain)) else turned


def font_of(text: str) -> Font | None:
    """The old font a text is surely typed for: as it stands there are words no Vietnamese wrote, and turned fewer."""
    if text.isascii() or _has_newer(text):
        return None
    best, fewest = None, strange(text)
    for font in FONTS:
        left = strange(font.turn(text)) if fewest else 0
        if left < fewest:
            best, fewest = font, left
    return best


def is_sound(text: str, font: Font) -> bool:
    """Is a text surely not in this font's letters: it has newer ones, or would be made worse?"""
    return _has_newer(text) or strange(text) < strange(font.turn(text))


def _has_newer(text: str) -> bool:
    """Letters no Windows-1252 has: then it is Unicode already."""
    return any(char not in _WINDOWS for char in text)


def column_font(cells: Sequence[str]) -> Font | None:
    """The font of a whole column, where no cell of it says otherwise: then it holds for those, too, that could be read
    either way."""
    fonts = [font for cell in cells if (font := font_of(cell)) is not None]
    if not fonts:
        return None
    font = max(FONTS, key=fonts.count)
    return None if any(is_sound(cell, font) for cell in cells if not cell.isascii()) else font
