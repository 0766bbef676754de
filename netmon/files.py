"""Small files that are there whole or not at all, after a power cut too; and what becomes of one that is damaged."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger("netmon.files")
Value = TypeVar("Value")
PRIVATE_UMASK = 0o077
# What the machine, not an operator's mistake, answers: a full, read-only or broken disk.
DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
MAX_SECRET = 64 * 1024  # bytes of a file with a token or password
KEPT_DAMAGED = 3  # of one file: the oldest goes when another is set aside
_BLOCK = 4_096  # what a file system hands out at least
_SUM = ', "crc32": '
# What code that expects another shape of JSON raises when it meets it.
MISFITS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


def read_plain(path: str | Path, max_bytes: int = -1) -> bytes:
    """What a plain file holds; a pipe or device in its place, which could be waited for without end, is refused, and so is one
    of more than `max_bytes`. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        with open(handle, "rb", closefd=False) as file:
            raw = file.read() if max_bytes < 0 else file.read(max_bytes + 1)
    finally:
        os.close(handle)
    if 0 <= max_bytes < len(raw):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return raw


def read_secret(path: str | Path) -> str:
    """A token or password from its file, without blanks around it and without the byte order mark some editors write.
    Raises OSError, and ValueError for what is no text."""
    try:
        return read_plain(path, MAX_SECRET).decode("utf-8-sig").strip()
    except UnicodeDecodeError as fault:
        raise ValueError(f"{path}: is not UTF-8 text (write the secret anew)") from fault


def read_token(path: str | Path) -> str:
    """`read_secret` of what opens a door to whoever has it: a file that everybody on this machine can read is refused.
    Raises OSError and ValueError."""
    file = Path(path).resolve()
    mode = file.stat().st_mode
    if mode & stat.S_IROTH and all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents):
        raise ValueError(
            f"{path}: everybody on this machine can read it (mode {mode & 0o777:o}): refused (chmod 600 {path})"
        )
    return read_secret(file)


def private_files() -> None:
    """From now on whatever this process and its children make is for its owner alone (0600, 0700)."""
    os.umask(PRIVATE_UMASK)


def make_folder(path: Path) -> None:
    """A folder for its owner alone (0700) with those above it, whatever the umask. Raises OSError."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def lock(folder: Path, name: str) -> int:
    """A handle that holds a folder for this process alone; on a disk that takes no lock file the folder itself is locked.
    Raises BlockingIOError when another process holds it, OSError when the folder cannot be used."""
    make_folder(folder)
    handle = -1
    for path, flags in ((folder / name, os.O_RDWR | os.O_CREAT), (folder / name, os.O_RDONLY), (folder, os.O_RDONLY)):
        try:
            handle = os.open(path, flags | os.O_CLOEXEC, 0o600)
            break
        except OSError as fault:
            if path == folder or fault.errno not in (*DISK_REFUSES, errno.ENOENT, errno.EISDIR, errno.EACCES):
                raise
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def write_durably(path: Path, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Replace a file: written beside it, fsynced, renamed, its folder fsynced. Raises OSError; then the old stays.
    Without `sync` a kill leaves the old or the new, a power cut perhaps neither."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # of a power cut: its mode may be another
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):  # on a full disk half a file helps nobody
            new.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_state(path: Path, plain: dict[str, Any], *, sync: bool = True) -> None:
    """Keep a JSON object with a sum, so that `read_state` knows a flipped bit. On a full disk a small file is written over:
    should that be cut short, its sum tells. Raises OSError."""
    text = json.dumps(plain)
    data = f"{text[:-1]}{_SUM}{zlib.crc32(text.encode())}}}\n".encode()
    try:
        write_durably(path, data, sync=sync)
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT) or not _written_over(path, data):
            raise


def _written_over(path: Path, data: bytes) -> bool:
    """Into the block the file has already; whether it has one that is enough."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if max(len(data), os.fstat(handle).st_size) > _BLOCK or os.fstat(handle).st_blocks == 0:
            return False
        written = os.pwrite(handle, data, 0) == len(data)
        os.ftruncate(handle, len(data))
        os.fdatasync(handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return written


def read_state(path: Path, shape: Callable[[Any], Value], otherwise: str) -> Value | None:
    """What a file of `write_state` holds, as `shape` makes it; None when there is none, or none that can be used.

    `shape` raises one of `MISFITS` when the JSON is not what it should be. A damaged file is set aside and told in the
    log together with what the program does `otherwise`. Files without a sum (earlier versions') are believed.
    """
    try:
        raw = read_plain(path)
        plain = json.loads(raw)
        if isinstance(plain, dict) and "crc32" in plain:
            _check_sum(raw.decode(), plain.pop("crc32"))
        return shape(plain)
    except FileNotFoundError:
        return None
    except (OSError, *MISFITS) as fault:
        log.error("%s is damaged (%s): %s; %s", path, _why(fault), said_aside(set_aside(path)), otherwise)
        return None


def _check_sum(text: str, kept: object) -> None:
    at = text.rfind(_SUM)
    if at < 0 or zlib.crc32(f"{text[:at]}}}".encode()) != kept:
        raise ValueError("its sum is another")


def _why(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return fault.strerror or type(fault).__name__
    return str(fault)[:200] if type(fault) is ValueError else f"{type(fault).__name__}: {str(fault)[:200]}"


def set_aside(path: Path) -> Path | None:
    """Give a damaged file (or a folder in its place) another name, for people; None when the disk refuses."""
    seconds, ns = divmod(time.time_ns(), 1_000_000_000)
    stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}.{ns // 1000:06d}"
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        path.rename(target)
    except OSError:
        return None
    for older in sorted(path.parent.glob(f"{path.name}.damaged-*"))[:-KEPT_DAMAGED]:
        _remove(older)
    return target


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            import shutil  # 1 MB that hardly any process needs

            shutil.rmtree(path)
        else:
            path.unlink()


def said_aside(aside: Path | None) -> str:
    """Where a damaged file went, for a sentence."""
    return "it stays where it is, for the disk refuses" if aside is None else f"it is kept as {aside.name}"


def tighten(folder: Path) -> int:
    """Take other people's rights from all that lies in a folder of ours (of a certificate's the right to write only), as
    earlier versions and copies leave them; how many were changed. Tokens stay as they are: one that others could read is
    refused, not hidden. Links are not followed; what cannot be changed stays."""
    changed = 0
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            if not name.endswith(".token"):
                changed += _tighten(Path(place, name), 0o022 if name.endswith(".pem") else PRIVATE_UMASK)
    return changed + _tighten(folder, PRIVATE_UMASK)


def _tighten(path: Path, mask: int) -> bool:
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if not path.is_symlink() and mode & mask:
            path.chmod(mode & 0o7777 & ~mask)
            return True
    return False
