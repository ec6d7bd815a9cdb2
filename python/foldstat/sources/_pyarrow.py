"""What all readers have in common that pyarrow does the reading for."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator
from typing import Any

_UNKNOWN_BYTES = 32  # of a text or a list, where nobody knows


def library(name: str, reads: str) -> Any:
    """Import a library, or say what it is needed for."""
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise ImportError(f"{reads} needs {package}: pip install {package}") from None


@contextlib.contextmanager
def telling(name: str) -> Iterator[None]:
    """Have errors of a reader name the file."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{name} is no longer there") from None
    except OSError as error:
        raise OSError(f"{name} cannot be read: {error}") from error
    except Exception as error:
        if not type(error).__module__.startswith("pyarrow"):
            raise
        raise ValueError(f"{name} cannot be read: {error}") from error


def row_bytes(schema: Any, names: Iterable[str] | None = None) -> int:
    """Give about how many bytes a row of a schema takes."""
    types = schema.types if names is None else [schema.field(name).type for name in names]
    return sum(map(_bytes_of, types)) or 1


def _bytes_of(kind: Any) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # of no fixed width
        return _UNKNOWN_BYTES
