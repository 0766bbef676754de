"""The log: logfmt on stderr, one line an event, hostile text cleaned at the last door."""

from __future__ import annotations

import logging
import sys

from probes.clean import clean


class Logfmt(logging.Formatter):
    """`level=info logger=netmon.hub msg="…"`; systemd adds the time, so it stands here only on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback is folded into it."""
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info).replace("\n", " ⏎ ")
        text = clean(text, 4000).replace("\\", "\\\\").replace('"', '\\"')
        return f'level={record.levelname.lower()} logger={record.name} msg="{text}"'


def setup(level: str = "info") -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
