"""The agent's file, read by a child process: what reads files costs 3 MB, is needed for a moment, and would stay."""

from __future__ import annotations

import marshal
import os
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from netmon.config.agent import AgentConfig


def load(path: Path) -> AgentConfig:
    """The file's config; raises `ConfigError`. Only while this process has no threads."""
    packed = _child(path)
    if packed:
        config: AgentConfig = _made(marshal.loads(packed))  # noqa: S302  our own child wrote it
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
            pipe.write(marshal.dumps(_plain(load_here(path))))
    finally:
        os._exit(0)


def _plain(value: Any) -> Any:
    """Dataclasses as (where, name, values), tuples as lists: what `marshal` takes, which needs no import."""
    if is_dataclass(value):
        cls = type(value)
        values = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return cls.__module__, cls.__qualname__, values
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _made(plain: Any) -> Any:
    if isinstance(plain, tuple):
        module, name, values = plain
        return getattr(import_module(module), name)(**{key: _made(value) for key, value in values.items()})
    return tuple(_made(item) for item in plain) if isinstance(plain, list) else plain
