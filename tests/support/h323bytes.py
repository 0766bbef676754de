"""Recorded H.323 messages of `tests/golden/h323`, and what tshark says of messages of ours."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "h323" / "stacks.hex"
_LINES = [line.split() for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
RECORDED = {f"{stack} {what}": bytes.fromhex(data) for stack, _, what, data in _LINES}
FROM_FAR = [f"{stack} {what}" for stack, who, what, _ in _LINES if who == "far"]
RAS = [name for name in RECORDED if name.startswith("gnugk ")]
CALLS = [name for name in RECORDED if not name.startswith(("gnugk ", "none "))]


def dissected(messages: Sequence[bytes], port: int, folder: Path, *, tcp: bool) -> str:
    """All that tshark tells of `messages`, each a packet of its own to `port`."""
    dump = "".join("000000 " + message.hex(" ") + "\n" for message in messages)
    (folder / "messages.txt").write_text(dump)
    how = ["-T" if tcp else "-u", f"40001,{port}"]
    pcap = str(folder / "messages.pcap")
    subprocess.run(["text2pcap", "-q", *how, str(folder / "messages.txt"), pcap], check=True, capture_output=True)
    return subprocess.run(["tshark", "-r", pcap, "-V"], check=True, capture_output=True, text=True).stdout
