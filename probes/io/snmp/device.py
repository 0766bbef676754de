"""The nouns of a conversation with a device over SNMP v2c or v3, whichever library speaks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

PORT = 161
AUTHS = ("none", "md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIVS = ("none", "des", "aes", "aes192", "aes256")
Value = int | bytes | str | float
Row = tuple[str, Value]


@dataclass(frozen=True, slots=True)
class SnmpAccess:
    """Who we are to the device. `user` "": v2c with `community`. Secrets never show in a repr."""

    community: str = field(default="public", repr=False)
    user: str = ""
    auth: str = "none"
    auth_password: str = field(default="", repr=False)
    priv: str = "none"
    priv_password: str = field(default="", repr=False)


class NoAnswer(Exception):
    """The device gave no answer that can be used. `end`: "silence", "stopped" (in the middle), "mute" (it
    only told who it is), "lost" (the network says so), "refused", "auth", "malformed", "elsewhere" (another address answers), "local"."""

    def __init__(self, end: str, why: str) -> None:
        super().__init__(why)
        self.end, self.why = end, why


class ColumnPage(NamedTuple):
    """What one GETBULK brought. `more`: the column goes on; `abrupt`: an error or the end of all, nobody knows which."""

    rows: list[Row]
    more: bool
    abrupt: bool = False


class Device(Protocol):
    """One open conversation; one question at a time."""

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """What the device has of `oids`; {} also when it refused the question as a whole. Raises `NoAnswer`."""

    def pages(self, column: str, size: int) -> Callable[[], Awaitable[ColumnPage]]:
        """Each call of the result fetches the next `size` rows of a column (0: one row, by GETNEXT). Raises `NoAnswer`."""

    async def close(self) -> None:
        """Give the socket back."""
