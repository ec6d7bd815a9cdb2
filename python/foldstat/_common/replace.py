"""Files that are replaced whole: whoever reads them finds the old or the new content, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl


@contextlib.contextmanager
def replacing(path: Path, what: str) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of `path` once it is complete and on the disk.

    A symbolic link is followed, the mode of the old file is kept. What is no regular file (a device, a pipe)
    is written to as it is.
    """
    mode = _mode(path)
    target = Path(os.path.realpath(path))
    if mode is not None and not (stat.S_ISREG(mode) and target.exists()):
        with path.open("wb") as device:  # also a file that has no name any more, by its descriptor
            yield device
        return
    path = target
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no such folder to save {what} in", str(path.parent))
    _sweep(path)
    part, file = _new_part(path)
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                _keep_owner(path, part)
                part.chmod(stat.S_IMODE(mode))
            if sys.platform == "win32":
                file.close()  # what is open cannot be renamed there
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):  # on a full disk, closing writes the rest and fails again
                file.close()
            part.unlink(missing_ok=True)
            raise
    _settle(path.parent)


def _keep_owner(path: Path, part: Path) -> None:
    """Give the part the owner and group of what it replaces, where we may."""
    if sys.platform != "win32":
        old = path.stat()
        with contextlib.suppress(PermissionError):
            os.chown(part, old.st_uid, old.st_gid)


def _mode(path: Path) -> int | None:
    """Tell what is there; None if nothing is."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _new_part(path: Path) -> tuple[Path, IO[bytes]]:
    """Make a file of its own for each call, beside `path` and held as long as it is open."""
    while True:
        part = path.with_name(f"{_stem(path)}.{secrets.token_hex(8)}.part")
        file = part.open("xb")
        if _hold(file):
            return part, file
        file.close()


def _sweep(path: Path) -> None:
    """Delete the parts that processes which have died left behind: those that nobody holds."""
    for part in path.parent.glob(f"{_literal(_stem(path))}.{'[0-9a-f]' * 16}.part"):
        with contextlib.suppress(OSError):
            _delete_unless_held(part)


def _stem(path: Path) -> str:
    """Shorten a name so that one with a suffix is still legal."""
    return os.fsencode(path.name)[:200].decode(errors="ignore")


def _literal(name: str) -> str:
    """Escape what has a meaning in a pattern of names."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


if sys.platform == "win32":  # an open file cannot be deleted

    def _hold(file: IO[bytes]) -> bool:
        return True

    def _delete_unless_held(part: Path) -> None:
        part.unlink()

    def _settle(folder: Path) -> None:
        """Folders cannot be opened."""

else:

    def _hold(file: IO[bytes]) -> bool:
        """Tell whether the file is still there: somebody who sweeps may have been quicker than the lock."""
        with contextlib.suppress(OSError):  # where there are no locks, nobody who sweeps gets one either
            fcntl.flock(file, fcntl.LOCK_EX)
        return os.fstat(file.fileno()).st_nlink > 0

    def _delete_unless_held(part: Path) -> None:
        handle = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
        finally:
            os.close(handle)

    def _settle(folder: Path) -> None:
        """Have the new name itself on the disk, where the system lets a folder be opened for that."""
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
