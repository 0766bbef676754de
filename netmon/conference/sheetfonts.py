"""Texts typed for the old `.Vn…` fonts: bytes of TCVN 5712:1993 (VN3, "ABC") that programs take for Windows-1252. Pure.

`M· x·` is Mã xã. A capital with a tone has the byte of its small letter: the font made it large.
"""

from __future__ import annotations

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


def from_tcvn3(text: str) -> str:
    """The Unicode text that was meant."""
    return text.translate(_TABLE)
