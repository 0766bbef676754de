"""What can go wrong in the hall, and the exit code each becomes. A message says place, fault and way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes.clean import clean

GOOD, PROBLEM, USAGE, CANNOT, UNREACHABLE, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 3, 4, 78, 130


def plain_words(fault: BaseException) -> str:
    """What the system says of a fault, for people: without its number, never empty."""
    return clean(getattr(fault, "strerror", None) or str(fault) or type(fault).__name__, 300)


class NetmonError(Exception):
    """Root of the hall's errors."""

    exit_code = PROBLEM


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file: `where` is `file:line`, `key` the dotted path, `write` what to write instead."""

    where: str
    key: str
    what: str
    write: str = ""

    def __str__(self) -> str:
        hint = f" ({self.write})" if self.write else ""
        return f"{self.where}: {self.key}: {self.what}{hint}" if self.key else f"{self.where}: {self.what}{hint}"


class ConfigError(NetmonError):
    """All faults of a configuration, at once."""

    exit_code = BAD_CONFIG

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UsageError(ConfigError):
    """The command line asks for something that cannot be: the same form as a file's faults."""

    exit_code = USAGE


class MachineError(NetmonError):
    """This machine cannot do it (privilege, route, missing program, missing extra)."""

    exit_code = CANNOT


class SpoolError(NetmonError):
    """The durable layer cannot be opened or written."""

    exit_code = CANNOT


class HubUnreachable(NetmonError):
    """No answer, or no useful one, from the hub."""

    exit_code = UNREACHABLE


class HubRefused(HubUnreachable):
    """The hub answered, and says that what was asked for is not there or makes no sense."""

    exit_code = USAGE
