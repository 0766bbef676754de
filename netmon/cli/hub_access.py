"""Which hub a command asks, with what, and who does: the same words for every verb."""

from __future__ import annotations

import argparse
import getpass

from netmon.errors import MachineError, plain_words
from netmon.hub_client import DEFAULT_SOCKET, HubClient, token_from


def arguments(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """How to reach the hub. `again`: of a word below a verb that takes them too, so that what stands before it counts."""
    where, text = (argparse.SUPPRESS,) * 2 if again else (DEFAULT_SOCKET, "")
    parser.add_argument(
        "--hub", default=where, metavar="SOCKET|URL", help="local socket of the hub, or https://host:port"
    )
    parser.add_argument("--token-file", default=text, help="file with a read token (for a URL)")
    parser.add_argument("--ca", default=text, help="the hub's ca.pem (for a URL)")


def client(args: argparse.Namespace) -> HubClient:
    """The hub the arguments name. Raises `MachineError` when the token cannot be read."""
    try:
        return HubClient(args.hub, token_from(args.token_file), args.ca)
    except (OSError, ValueError) as fault:
        raise MachineError(f"{args.token_file}: {plain_words(fault)}") from fault


def user() -> str:
    """Who sits here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        return "unknown"
