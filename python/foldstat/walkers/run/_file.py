"""The file that a run is saved in: NumPy's ``.npz`` with a header in JSON.

Nested dicts, lists and tuples become the header; each array in them becomes an array of the file, whose
name is the way to it.
"""

from __future__ import annotations

import errno
import json
import math
import os
import struct
import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.replace import replacing

_FORMAT = "foldstat.walkers.Run"
_VERSION = 1
_HEADER = "header"

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Arrays = dict[str, NDArray[Any]]

DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    ValueError,
    RuntimeError,  # a zip file that is encrypted or of a later version, a header without end
    SyntaxError,
    tokenize.TokenError,
)
"""What NumPy, the zip file, JSON and the parts of a run say of content that is not theirs."""


def path_of(path: str | os.PathLike[str]) -> Path:
    """Give a path with the home folder in place of its ``~``; of a user whom nobody knows, the name as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser fails there


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state; a file of that name is replaced once the new one is complete."""
    arrays: Arrays = {}
    body = {key: _packed(value, key, arrays) for key, value in state.items()}
    header = {"format": _FORMAT, "version": _VERSION, "foldstat": _core.__version__, "run": body}
    with replacing(path, "the run") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(json.dumps(header))}, **arrays)


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote."""
    with path.open("rb") as handle:
        try:
            _check_sizes(handle)
            return _state(np.load(handle, allow_pickle=False))
        except DAMAGE as error:
            raise damaged(path, error) from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # told to read at a place before the beginning
                raise damaged(path, error) from error
            raise


def damaged(path: Path, error: Exception) -> ValueError:
    """Say that a file cannot be read, and why."""
    why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return ValueError(f"{path} is not a run saved by foldstat, or is damaged: {why}")


def _check_sizes(handle: IO[bytes]) -> None:
    """Refuse arrays that are not in the file as they say, before anything is made in their size."""
    with zipfile.ZipFile(handle) as file:
        for entry in file.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename} is compressed")
            with file.open(entry) as array:
                reader = _HEADERS.get(np.lib.format.read_magic(array))
                if reader is None:
                    raise ValueError(f"{entry.filename} has a format of arrays that it is not written in")
                shape, _, dtype = reader(array)
                if array.tell() + math.prod(shape) * dtype.itemsize != entry.file_size:
                    raise ValueError(f"{entry.filename} has {entry.file_size} bytes, too few or too many for {shape}")
    handle.seek(0)


def _state(file: Any) -> dict[str, Any]:
    if _HEADER not in file:
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
