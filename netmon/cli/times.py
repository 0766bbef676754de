"""Times and spans as people write them on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import datetime

from netmon import zone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> float:
    """`90s`, `30m`, `2h`, `1d`, `1h30m` in seconds."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time (write 30m, 2h or 1d)")
    return sum(float(number) * _UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))


def moment(text: str) -> float:
    """`2026-12-24T22:00` in Viet Nam (or with its own zone) as Unix seconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a moment (write 2026-12-24T22:00)") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone.VIET_NAM)).timestamp()
