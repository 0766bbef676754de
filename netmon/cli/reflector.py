"""`netmon reflector`: answer STAMP and TWAMP-Light tests, and throughput and train tests when asked to."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from netmon import log
from netmon.config.files import listen_parts
from netmon.errors import GOOD, MachineError, Problem, UsageError
from probes.answer.guard import Network, Policy, prefix
from probes.clean import clean
from probes.errors import BadSettings
from probes.kinds.stamp import key_of
from probes.wire.stamp import PORT


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("--listen", metavar="ADDR:PORT", default=f"0.0.0.0:{PORT}", help="where STAMP tests come in")
    parser.add_argument("--key-file", metavar="FILE", default="", help="answer authenticated tests only")
    parser.add_argument("--allow", metavar="PREFIX", action="append", default=[], help="answer STAMP tests from there only (may be given again)")  # fmt: skip
    parser.add_argument("--source-rate", metavar="N", default="5000", help="STAMP answers a second to one source")  # fmt: skip
    parser.add_argument("--rate", metavar="N", default="50000", help="STAMP answers a second to all sources together")  # fmt: skip
    parser.add_argument("--throughput", metavar="ADDR:PORT", default="", help="answer iperf3 tests there too")
    parser.add_argument("--train", metavar="ADDR:PORT", default="", help="answer capacity and headroom tests there too")
    parser.add_argument("--media", metavar="ADDR:PORT", default="", help="answer media tests there too")


def run(args: argparse.Namespace) -> int:
    """Answer until SIGINT or SIGTERM."""
    log.setup(args.log)
    try:
        key = key_of(args.key_file)
    except BadSettings as fault:
        raise UsageError([Problem("command line", "--key-file", str(fault))]) from None
    policy = Policy(_prefixes(args.allow), _rate("--source-rate", args.source_rate), _rate("--rate", args.rate))
    work = [_answer("--listen", args.listen, import_module("probes.answer.stamp").serve, key, policy)]
    if args.throughput:
        work.append(_answer("--throughput", args.throughput, import_module("probes.answer.iperf3").serve))
    if args.train:
        work.append(_answer("--train", args.train, import_module("probes.answer.train").serve, key))
    if args.media:
        work.append(_answer("--media", args.media, import_module("probes.answer.media").serve, key))
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


def _prefixes(texts: list[str]) -> tuple[Network, ...]:
    """`--allow` as networks: a wrong one is told, never left out."""
    found = []
    for text in texts:
        try:
            found.append(prefix(text))
        except ValueError as fault:
            said = clean(str(fault), 100)
            raise UsageError([Problem("command line", "--allow", said, "write 10.0.0.0/8 or 2001:db8::/32")]) from None
    return tuple(found)


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
    tasks = [asyncio.ensure_future(one) for one in work]
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: [task.cancel() for task in tasks])
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for fault in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(fault, Exception):
            raise fault
