"""The agent's file, read by a child process: what reads files costs 3 MB, is needed for a moment, and would stay."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from netmon.config.agent import AgentConfig


def load(path: Path) -> AgentConfig:
    """The file's config; raises `ConfigError`. Only while this process has no threads."""
    packed = _child(path)
    if packed:
        config: AgentConfig = pickle.loads(packed)  # noqa: S301  our own child made it
        return config
    return load_here(path)  # it is faulty, or there is no child to be had: told from here


def load_here(path: Path) -> AgentConfig:
    """The same in this process."""
    from netmon.config.files import load_agent

    return load_agent(path)


def _child(path: Path) -> bytes:
    """What the child made, b"" when it made nothing."""
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(writing)
        child = -1
    if child == 0:
        _make(path, writing)
    if child > 0:
        os.close(writing)
    with open(reading, "rb") as pipe:
        packed = pipe.read()
    if child > 0:
        os.waitpid(child, 0)
    return packed


def _make(path: Path, writing: int) -> None:
    """In the child: the config into the pipe, nothing for a faulty file. Never returns."""
    try:
        with open(writing, "wb") as pipe:
            pipe.write(pickle.dumps(load_here(path)))
    finally:
        os._exit(0)
