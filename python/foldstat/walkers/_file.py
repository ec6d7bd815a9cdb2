"""The file that a run is saved in: NumPy's ``.npz`` with a header in JSON.

Nested dicts, lists and tuples become the header; each array in them becomes an array of the file, whose
name is the way to it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core

_FORMAT = "foldstat.walkers.Run"
_VERSION = 1
_HEADER = "header"

Arrays = dict[str, NDArray[Any]]


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state; a file of that name is replaced once the new one is complete."""
    arrays: Arrays = {}
    body = {key: _packed(value, key, arrays) for key, value in state.items()}
    header = {"format": _FORMAT, "version": _VERSION, "foldstat": _core.__version__, "run": body}
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to save the run in", str(path.parent))
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_HEADER: np.array(json.dumps(header))}, **arrays)
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it has become the file
            part.unlink()


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote."""
    with path.open("rb") as handle:
        try:
            return _state(np.load(handle, allow_pickle=False))
        except (zipfile.BadZipFile, EOFError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> ValueError:
    """Say that a file cannot be read, and why."""
    why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return ValueError(f"{path} is not a run saved by foldstat, or is damaged: {why}")


def _state(file: Any) -> dict[str, Any]:
    if not isinstance(file, np.lib.npyio.NpzFile) or _HEADER not in file:
        raise ValueError("it has no header")
    header = json.loads(str(file[_HEADER]))
    _check(header)
    return {key: _unpacked(value, file) for key, value in header["run"].items()}


def _check(header: Any) -> None:
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ValueError(f"its header is not that of {_FORMAT}")
    if header.get("version") != _VERSION:
        raise ValueError(
            f"it has version {header.get('version')!r} of the format (written by foldstat {header.get('foldstat')}), "
            f"and this foldstat {_core.__version__} reads version {_VERSION}"
        )


def _packed(value: Any, name: str, arrays: Arrays) -> Any:
    """Turn a value into JSON, and put its arrays aside."""
    match value:
        case np.ndarray():
            arrays[name] = value
            return {"array": name}
        case bytes():
            return {"bytes": value.hex()}
        case dict():
            return {"dict": {key: _packed(entry, f"{name}.{key}", arrays) for key, entry in value.items()}}
        case tuple() | list():
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [_packed(entry, f"{name}.{i}", arrays) for i, entry in enumerate(value)]}
        case np.generic():
            return value.item()
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{name}: a {type(value).__name__} cannot be saved")


def _unpacked(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "array":
            return arrays[content]
        case "bytes":
            return bytes.fromhex(content)
        case "dict":
            return {key: _unpacked(entry, arrays) for key, entry in content.items()}
        case "list":
            return [_unpacked(entry, arrays) for entry in content]
        case "tuple":
            return tuple(_unpacked(entry, arrays) for entry in content)
    raise ValueError(f"its header holds a {kind!r}")
