"""The messages of RFC 4475, from their files: name → bytes."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden" / "sip" / "torture"
_HEAD = re.compile(rb"^=== (\S+) (\S+)\n", re.MULTILINE)
_HEX = re.compile(rb"<hex>([0-9A-F]*)</hex>")
_REPEAT = re.compile(rb"<repeat count=(\d+)>(.*?)</repeat>")


def messages(file: str) -> dict[str, bytes]:
    """The messages of one file (`valid`, `invalid`, `semantics`), in the order of the RFC."""
    _, *parts = _HEAD.split((FOLDER / f"{file}.txt").read_bytes())
    return {name.decode(): _expanded(text) for name, text in zip(parts[::3], parts[2::3], strict=True)}


def _expanded(text: bytes) -> bytes:
    text = _REPEAT.sub(lambda match: match[2] * int(match[1]), text).replace(b"\n", b"\r\n")
    return _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), text)  # last: it makes bytes, not marks
