"""Secrets that files name: those that are missing are told, those that cannot be used are faults. Their contents are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alerts.errors import BadSecret
from alerts.notify import channels
from netmon.config.hub import HubConfig
from netmon.config.walker.decode import Reader
from netmon.config.walker.shape import item_of, record_of, shape_of
from netmon.errors import Problem
from netmon.files import read_secret

_WRITE = "write whsec_… or any text into it"
HANDED_OVER = "/run/credentials/"  # by systemd, while the unit runs


def missing(record: Any, reader: Reader) -> Iterator[Problem]:
    """A note for every secret's file that is not there (here and now: it may be made later, or elsewhere)."""
    for key in shape_of(type(record)).keys:
        value = getattr(record, key.attribute, None)
        if record_of(key.type) is not None and value is not None:
            for row in value if item_of(key.type) is not None else (value,):
                yield from missing(row, reader)
        elif key.secret and key.is_path and isinstance(value, str) and value and not _exists(value):
            yield reader.problem(
                record, key.name, f"the secret's file {value} is not there", "make it before the start"
            )


def _exists(value: str) -> bool:
    try:
        return Path(value).exists() or value.startswith(HANDED_OVER)
    except (OSError, ValueError):
        return False


def unusable(config: HubConfig, reader: Reader) -> None:
    """A fault for every receiver whose secret is there and of no use."""
    for receiver in config.receivers:
        if not receiver.secret_file or not _exists(receiver.secret_file):
            continue
        try:
            channels.check_secret(receiver.kind, read_secret(receiver.secret_file))
        except IsADirectoryError:
            reader.fault_of(receiver, "secret_file", "is a folder", "name the file in it")
        except OSError:  # another's file, or not handed over yet: the hub says so when it starts
            continue
        except (BadSecret, ValueError) as fault:
            what = str(fault) if isinstance(fault, BadSecret) else "is no text"
            reader.fault_of(receiver, "secret_file", what, _WRITE if receiver.kind == "webhook" else "")
