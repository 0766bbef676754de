"""`netmon reflector`: answer STAMP and TWAMP-Light tests, and throughput, train and media tests when asked to."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from importlib import import_module
from typing import Any

from netmon.config.files import listen_parts
from netmon.errors import GOOD, MachineError, Problem, UsageError
from netmon.process import log
from probes.answer.guard import Network, Policy, prefix
from probes.clean import clean
from probes.errors import BadSettings
from probes.kinds.shared.key import key_of
from probes.wire.stamp.packet import PORT

# option → (field of the throughput server's limits, default, least, most, meaning)
_BOUNDS: dict[str, tuple[str, float, float, float, str]] = {
    "--throughput-time": ("max_s", 60, 1, 3600, "longest iperf3 test, in seconds"),
    "--throughput-streams": ("max_streams", 4, 1, 128, "most streams of an iperf3 test"),
    "--throughput-udp": ("max_udp_bps", 1e9, 1e3, 1e11, "most bit/s of an iperf3 test by UDP"),
    "--throughput-queue": ("max_queued", 8, 0, 64, "iperf3 clients that may wait their turn"),
    "--throughput-skew": ("", 10, 1, 3600, "how far a login's clock may be from ours, in seconds"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("--listen", metavar="ADDR:PORT", default=f"0.0.0.0:{PORT}", help="where STAMP tests come in")
    parser.add_argument("--key-file", metavar="FILE", default="", help="answer authenticated tests only")
    parser.add_argument("--allow", metavar="PREFIX", action="append", default=[], help="answer STAMP and throughput tests from there only (may be given again)")  # fmt: skip
    parser.add_argument("--source-rate", metavar="N", default="5000", help="STAMP answers a second to one source")  # fmt: skip
    parser.add_argument("--rate", metavar="N", default="50000", help="STAMP answers a second to all sources together")  # fmt: skip
    parser.add_argument("--throughput", metavar="ADDR:PORT", default="", help="answer iperf3 tests there too")
    for option, (_, default, _, _, meaning) in _BOUNDS.items():
        parser.add_argument(option, metavar="N", default=f"{default:g}", help=f"{meaning} ({default:g})")
    parser.add_argument("--throughput-users", metavar="FILE", default="", help="iperf3 tests by these users only: lines user,sha256")  # fmt: skip
    parser.add_argument("--throughput-key", metavar="FILE", default="", help="the RSA private key their logins are under (PEM)")  # fmt: skip
    parser.add_argument("--throughput-padding", choices=("both", "pkcs1", "oaep"), default="both", help="RSA padding of logins: pkcs1 is iperf3's up to 3.16, oaep from 3.17 on")  # fmt: skip
    parser.add_argument("--train", metavar="ADDR:PORT", default="", help="answer capacity and headroom tests there too")
    parser.add_argument("--media", metavar="ADDR:PORT", default="", help="answer media tests there too")
    parser.add_argument("--media-streams", metavar="N", default="16", help="media tests at once; two to one address")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Answer until SIGINT or SIGTERM."""
    log.setup(args.log)
    try:
        key = key_of(args.key_file)
    except BadSettings as fault:
        raise UsageError([Problem("command line", "--key-file", str(fault))]) from None
    policy = Policy(_prefixes(args.allow), _rate("--source-rate", args.source_rate), _rate("--rate", args.rate))
    limits, door = _limits(args, policy.allow), _door(args)
    streams = _streams(args.media_streams)
    work = [_answer("--listen", args.listen, import_module("probes.answer.stamp.reflector").serve, key, policy)]
    if args.throughput:
        serve = import_module("probes.answer.iperf3.server").serve
        work.append(_answer("--throughput", args.throughput, serve, limits, door))
    if args.train:
        work.append(_answer("--train", args.train, import_module("probes.answer.streams.train").serve, key))
    if args.media:
        media = import_module("probes.answer.streams.media")
        work.append(_answer("--media", args.media, media.serve, key, media.MediaLimits(streams=streams)))
    asyncio.run(_until_told(work))
    return GOOD


def _rate(option: str, text: str) -> float:
    """Answers a second."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 1.0 <= rate <= 1e9:
        raise UsageError([Problem("command line", option, f"'{clean(text, 40)}' is no rate", "write 5000")])
    return rate


def _bounds(args: argparse.Namespace) -> dict[str, float]:
    """The throughput server's bounds by option."""
    return {option: _bound(option, getattr(args, option[2:].replace("-", "_"))) for option in _BOUNDS}


def _bound(option: str, text: str) -> float:
    _, default, low, high, _ = _BOUNDS[option]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not low <= number <= high:
        said = f"'{clean(text, 40)}' is not from {low:g} to {high:g}"
        raise UsageError([Problem("command line", option, said, f"write {default:g}")])
    return number


def _limits(args: argparse.Namespace, allow: tuple[Network, ...]) -> Any:
    limits = import_module("probes.answer.iperf3.limits").ServerLimits
    given = {_BOUNDS[option][0]: int(number) for option, number in _bounds(args).items() if _BOUNDS[option][0]}
    return limits(policy=replace(limits().policy, allow=allow), **given)


def _door(args: argparse.Namespace) -> Any:
    """Who may start throughput tests."""
    files = args.throughput_users, args.throughput_key
    skew_s = _bound("--throughput-skew", args.throughput_skew)
    try:
        return import_module("probes.answer.iperf3.login").door_of(*files, skew_s, args.throughput_padding)
    except BadSettings as fault:
        raise UsageError([Problem("command line", "--throughput-users and --throughput-key", str(fault))]) from None


def _streams(text: str) -> int:
    """Media tests at once."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= 1000):
        shown = clean(text, 40)
        raise UsageError([Problem("command line", "--media-streams", f"'{shown}' is no number of tests", "write 16")])
    return int(text)


def _prefixes(texts: list[str]) -> tuple[Network, ...]:
    """`--allow` as networks: a wrong one is told, never left out."""
    networks = []
    for text in texts:
        try:
            networks.append(prefix(text))
        except ValueError as fault:
            said = clean(str(fault), 100)
            raise UsageError([Problem("command line", "--allow", said, "write 10.0.0.0/8 or 2001:db8::/32")]) from None
    return tuple(networks)


async def _answer(option: str, place: str, serve: Callable[..., Coroutine[Any, Any, None]], *more: Any) -> None:
    """One far side; an address that cannot be had is told by its option."""
    parts = listen_parts(place)
    if parts is None:
        raise UsageError([Problem("command line", option, f"'{clean(place, 60)}' is no address", "write 0.0.0.0:862")])
    try:
        await serve(*parts, *more)
    except OSError as fault:
        raise MachineError(f"{option} {place}: {fault.strerror or fault} (choose another address)") from None


async def _until_told(work: list[Coroutine[Any, Any, None]]) -> None:
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(job) for job in work]
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: [task.cancel() for task in tasks])
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for fault in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(fault, Exception):
            raise fault
