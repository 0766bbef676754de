"""Secrets that files name: those that are missing are told, those that cannot be used are faults. Their contents are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alerts.errors import BadSecret
from alerts.notify import webhook
from netmon.config.hub import HubConfig
from netmon.config.walker.decode import Reader
from netmon.config.walker.shape import item_of, record_of, shape_of
from netmon.errors import Problem
from netmon.files import read_secret

HANDED_OVER = "/run/credentials/"  # by systemd, while the unit runs


def missing(record: Any, reader: Reader, path: Path, key: str = "") -> Iterator[Problem]:
    """A note for every secret's file that is not there (here and now: it may be made later, or elsewhere)."""
    for one in shape_of(type(record)).keys:
        value, name = getattr(record, one.attribute, None), f"{key}.{one.name}" if key else one.name
        if record_of(one.type) is not None and value is not None:
            if item_of(one.type) is None:
                yield from missing(value, reader, path, name)
            else:
                for number, row in enumerate(value, 1):
                    yield from missing(row, reader, path, f"{name}[{number}]")
        elif one.secret and one.is_path and isinstance(value, str) and value and not _exists(value):
            where = f"{path}:{reader.line_of(record, one.name)}"
            yield Problem(where, name, f"the secret's file {value} is not there", "make it before the start")


def _exists(value: str) -> bool:
    try:
        return Path(value).exists() or value.startswith(HANDED_OVER)
    except (OSError, ValueError):
        return False


def unusable(config: HubConfig, reader: Reader) -> None:
    """A fault for every receiver whose secret is there and signs nothing."""
    for number, one in enumerate(config.receivers, 1):
        if not one.secret_file or not _exists(one.secret_file):
            continue
        try:
            webhook.key_of(read_secret(one.secret_file))
        except IsADirectoryError:
            line = reader.line_of(one, "secret_file")
            reader.fault(line, f"receivers[{number}].secret_file", "is a folder", "name the file in it")
        except OSError:  # another's file, or not handed over yet: the hub says so when it starts
            continue
        except (BadSecret, ValueError) as fault:
            what = str(fault) if isinstance(fault, BadSecret) else "is no text"
            line = reader.line_of(one, "secret_file")
            reader.fault(line, f"receivers[{number}].secret_file", what, "write whsec_… or any text into it")
