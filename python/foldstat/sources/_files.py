"""Paths and globs: files one after the other, each opened when it is its turn."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from foldstat.sources._csv import CsvSource
from foldstat.sources._ipc import IpcSource
from foldstat.sources._npy import NpySource
from foldstat.sources._parquet import ParquetSource
from foldstat.sources._source import Chunk, Source, listed

_KINDS: dict[str, Callable[[Path, Any], Source]] = {
    ".parquet": ParquetSource,
    ".pq": ParquetSource,
    ".parq": ParquetSource,
    ".feather": IpcSource,
    ".arrow": IpcSource,
    ".ipc": IpcSource,
    ".csv": CsvSource,
    ".npy": NpySource,
}
_PACKED = (".gz", ".bz2", ".zst")  # CSV only
_FEW = 64  # files whose lengths are looked up before they are read


class FilesSource(Source):
    """The rows of several files, in the order in which they are given."""

    def __init__(self, paths: Sequence[Path], name: str, columns: Any = None) -> None:
        self._paths = paths
        self._first = open_file(paths[0], columns)
        self.columns = self._first.columns
        self._asked = columns
        self.name = name
        self._n_rows: int | None = None
        self._kept: dict[Path, Source] = {}

    @property
    def n_rows(self) -> int | None:
        first = self._first.n_rows
        if self._n_rows is None and first is not None and len(self._paths) <= _FEW:
            self._n_rows = first + sum(open_file(path, None).n_rows or 0 for path in self._paths[1:])
        return self._n_rows

    def empty(self) -> Any:
        return self._first.empty()

    def chunks(self) -> Iterator[Chunk]:
        yield from self._first.chunks()
        for path in self._paths[1:]:
            yield from self._opened(path).chunks()

    def _opened(self, path: Path) -> Source:
        """Open one more file; those of CSV are kept, whose types cost a pass to learn."""
        if path not in self._kept:
            found = self._fitting(path)
            if not isinstance(found, CsvSource):
                return found
            self._kept[path] = found
        return self._kept[path]

    def _fitting(self, path: Path) -> Source:
        """Open a file whose columns must be those of the first, in whatever order."""
        if self._asked is not None:
            return open_file(path, self._asked)
        found = open_file(path, None)
        ours, theirs = self.columns, found.columns
        if ours == theirs:
            return found
        if ours is None or theirs is None or sorted(ours) != sorted(theirs):
            raise ValueError(f"{path} has other columns than {self._paths[0]}: {_told(theirs)} and {_told(ours)}")
        return open_file(path, ours)


def _told(names: tuple[str, ...] | None) -> str:
    return "none with names" if names is None else listed(names)


def open_file(path: Path, columns: Any) -> Source:
    """Open a file by its suffix."""
    kind = kind_of(path)
    if kind is None:
        if not path.exists():
            if len(path.parts) > 1:
                raise FileNotFoundError(f"there is no file or folder {path}")
            raise TypeError(
                f"{str(path)!r} holds no numbers: as text it must be the path of a file ({', '.join(_KINDS)})"
            )
        raise ValueError(
            f"{path} is of no known type: the suffix must be one of {', '.join(_KINDS)}; open others by a library and "
            "pass what it gives"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return _KINDS[kind](path, columns)


def kind_of(path: Path) -> str | None:
    """Give the suffix that tells what is in a file; None if it tells nothing."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        return ".csv" if suffixes[-2:-1] == [".csv"] else None
    return suffixes[-1] if suffixes and suffixes[-1] in _KINDS else None


def is_path(x: Any) -> bool:
    """Tell whether `x` is a path or a glob."""
    return isinstance(x, (str, os.PathLike)) and not isinstance(x, bytes)


def files_source(x: str | os.PathLike[str] | Sequence[Any], columns: Any = None) -> Source:
    """Open a path, a glob, a folder, or a list of these."""
    given: Sequence[Any] = [x] if isinstance(x, (str, os.PathLike)) else x
    paths = [path for one in given for path in _matching(os.fspath(one))]
    if len(paths) == 1:
        return open_file(paths[0], columns)
    return FilesSource(paths, str(given[0]) if len(given) == 1 else f"the list of {len(paths)} files", columns)


def _matching(text: str) -> list[Path]:
    if "://" in text:
        raise ValueError(f"{text!r} is no local path: open it with pyarrow.dataset or another library, and pass that")
    path = Path(text).expanduser()
    if path.is_dir():
        return _of_folder(path)
    if path.exists() or not glob.has_magic(text):
        return [path]
    found = [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - with ** and absolute
    found = [one for one in found if one.is_file()]
    if not found:
        raise FileNotFoundError(f"no file matches {text!r}")
    return found


def _of_folder(folder: Path) -> list[Path]:
    """Give the files of a folder that are of a known type, which is the same for all."""
    paths = sorted(path for path in folder.rglob("*") if kind_of(path) and not _is_hidden(path, folder))
    if not paths:
        raise FileNotFoundError(f"the folder {folder} has no file with one of the suffixes {', '.join(_KINDS)}")
    kinds = sorted({_KINDS[kind_of(path) or ""].__name__ for path in paths})
    if len(kinds) > 1:
        suffixes = sorted({path.suffix for path in paths})
        raise ValueError(f"the folder {folder} has files of several types ({', '.join(suffixes)}): give a glob")
    return paths


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
