"""How many parts a short message has, and how it gets by with fewer. Pure.

Sources: 3GPP TS 23.038 §6.2.1 (the 7-bit alphabet and its extension), TS 23.040 §9.2.3.24 (the head of a part takes 7 letters or 3
of UCS-2).
"""

from __future__ import annotations

import unicodedata

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")  # each takes two places
_PLAIN = str.maketrans({
    "đ": "d", "Đ": "D", "–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "→": "->", "≥": ">=", "≤": "<=",
    "\u00a0": " ",
})  # fmt: skip
ONE_GSM, MANY_GSM = 160, 153
ONE_UCS2, MANY_UCS2 = 70, 67


def is_gsm(text: str) -> bool:
    """Can it be sent in the 7-bit alphabet?"""
    return all(letter in _BASIC or letter in _EXTENDED for letter in text)


def parts(text: str) -> int:
    """How many short messages it is."""
    sizes = _sizes(text)
    alone, many = (ONE_GSM, MANY_GSM) if is_gsm(text) else (ONE_UCS2, MANY_UCS2)
    if sum(sizes) <= alone:
        return 1
    count, room = 1, many
    for size in sizes:  # a letter of two places is not torn apart
        if size > room:
            count, room = count + 1, many
        room -= size
    return count


def _sizes(text: str) -> list[int]:
    if is_gsm(text):
        return [2 if letter in _EXTENDED else 1 for letter in text]
    return [2 if ord(letter) > 0xFFFF else 1 for letter in text]


def plain(text: str) -> str:
    """Without the accents (`Xã Tân Đông` → `Xa Tan Dong`); what has no plain letter becomes `?`."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFD", text.translate(_PLAIN)) if not unicodedata.combining(letter)
    )
    return "".join(letter if letter in _BASIC or letter in _EXTENDED else "?" for letter in bare)


def shortened(text: str, max_parts: int) -> str:
    """The text; without accents when that saves a part; cut when it is too long all the same."""
    text = unicodedata.normalize("NFC", text)
    bare = plain(text)
    best = bare if parts(bare) < parts(text) else text
    if parts(best) <= max_parts:
        return best
    end, low, high = "...", 0, len(best)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if parts(best[:middle] + end) <= max_parts else (low, middle - 1)
    return best[:low].rstrip() + end
