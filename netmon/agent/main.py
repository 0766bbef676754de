"""The agent's process: opens everything, measures until told to stop, hands over what it has."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from netmon.agent.agent import RunningAgent
from netmon.agent.config_reader import load, load_here
from netmon.agent.health.socket import serving
from netmon.agent.health.usage import calm_collector, one_heap
from netmon.errors import GOOD, PROBLEM, ConfigError, MachineError, SpoolError
from netmon.files import DISK_REFUSES, lock, private_files, tighten, write_durably
from netmon.process import systemd
from netmon.process.troubles import catch_the_rest
from probes import catalog

log = logging.getLogger("netmon.agent")
FAREWELL_S = 3.0  # for what is live, at the end
AGAIN = -1  # not an exit code: start over with the file as it is now


def run(config_file: Path) -> int:
    """Run the agent a file describes; the exit code. Raises `NetmonError` when it cannot start."""
    private_files()
    config = load(config_file)
    folder = Path(config.state_dir)
    held = _lock(folder)
    if changed := tighten(folder):
        log.warning("%s: %d files or folders were open to others and are so no more", folder, changed)
    agent = RunningAgent(config, {check.kind: catalog.load(check.kind) for check in config.checks})
    calm_collector()
    one_heap()
    code = asyncio.run(serve(agent, folder, config_file))
    if held >= 0:
        os.close(held)
    if code == AGAIN:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  the same program, as it was called
    return code


def _lock(folder: Path) -> int:
    """-1: a disk that takes nothing, not even the folder; the agent works from memory."""
    try:
        return lock(folder, "agent.lock")
    except BlockingIOError:
        why = f"{folder}: another agent works there (stop it, or give this one another state_dir)"
        raise MachineError(why) from None
    except OSError as fault:
        if fault.errno in DISK_REFUSES:
            log.error("%s: %s: the agent works from memory", folder, fault.strerror)
            return -1
        raise SpoolError(f"{folder}: {fault.strerror} (state_dir must be a folder this user may write)") from fault


async def serve(agent: RunningAgent, folder: Path, config_file: Path) -> int:
    """Until SIGTERM or SIGINT (0), SIGHUP with a good file (`AGAIN`), or a part of the agent ends by itself (1)."""
    loop = asyncio.get_running_loop()
    stop, again = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(config_file, again))
    catch_the_rest(agent.troubles, loop)
    agent.start()
    async with serving(folder / "agent.sock", agent.view, agent.troubles):
        parts = [asyncio.create_task(part) for part in agent.parts()]
        ends = [asyncio.create_task(end) for end in (stop.wait(), again.wait())]
        log.info("agent %s measures %d checks", agent.config.agent, len(agent.config.checks))
        systemd.notify("READY=1")
        await asyncio.wait([*parts, *ends], return_when=asyncio.FIRST_COMPLETED)
        systemd.notify("RELOADING=1" if again.is_set() and not stop.is_set() else "STOPPING=1")
        failed = [part for part in parts if part.done()]
        for part in failed:
            log.error("the agent stops: a part of it ended", exc_info=part.exception())
        for task in (*parts, *ends):
            task.cancel()
        await asyncio.gather(*parts, *ends, return_exceptions=True)
        await agent.stop(FAREWELL_S)
    _account(agent, folder)
    if failed:
        return PROBLEM
    return GOOD if stop.is_set() else AGAIN


def _reload(config_file: Path, again: asyncio.Event) -> None:
    try:
        load_here(config_file)
    except (ConfigError, OSError) as fault:
        log.error("the file is not taken over, the agent goes on as it is: %s", fault)
    else:
        again.set()


def _account(agent: RunningAgent, folder: Path) -> None:
    """What became of this run's points, for whoever counts."""
    account = {
        "sent": agent.spool.stored,
        "delivered": {sender.destination: sender.condition.delivered for sender in agent.senders},
        "waiting": {sender.destination: sender.cursor.waiting for sender in agent.senders},
        "dropped": agent.dropped,
    }
    try:
        write_durably(folder / "account.json", json.dumps(account).encode())
    except OSError as fault:
        log.error("%s: the account of this run is lost: %s", folder, fault.strerror)
    log.info("stopped: %d points stored, %s", agent.spool.stored, account["delivered"])
