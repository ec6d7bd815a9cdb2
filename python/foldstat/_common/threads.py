"""How many threads a call may use: its own argument, or the block around it."""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from foldstat._common.checks import shown

_threads: ContextVar[int | None] = ContextVar("foldstat.threads", default=None)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of threads used inside a ``with`` block.

    The setting holds for the calling thread (or asyncio task) only, and gives way to an explicit
    ``n_jobs`` argument. Results do not depend on it: they are the same to the last bit.

    Parameters
    ----------
    n : int
        Number of threads; negative numbers count back from the number of usable cores, so -1 is
        all of them.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or 0; the exception is of both types, as that for `n_jobs`.

    Examples
    --------
    >>> import numpy as np
    >>> import foldstat
    >>> with foldstat.threads(1):
    ...     model = foldstat.GaussianMixture().fit(np.arange(10.0).reshape(5, 2))
    """
    token = _threads.set(_checked_threads(n, "threads(n): n", ""))
    try:
        yield
    finally:
        _threads.reset(token)


class _ThreadsError(ValueError, TypeError):
    """What scikit-learn raises for parameters is both, and an estimator is one of the callers."""


def thread_count(n_jobs: Any) -> int | None:
    """Check and give the `n_jobs` argument, else the `threads` block around the call, else None."""
    if n_jobs is None:
        return _threads.get()
    return _checked_threads(n_jobs, "n_jobs", ", or None")


def _checked_threads(value: Any, name: str, otherwise: str) -> int:
    number = value if type(value) is int else _other_integer(value)
    if 0 < abs(number) <= sys.maxsize:
        return number
    raise _ThreadsError(
        f"{name} must be a number of threads, an integer that is not 0 (negative numbers count from all cores: "
        f"-1 is all of them), at most {sys.maxsize}{otherwise}; got {shown(value)}"
    )


def _other_integer(value: Any) -> int:
    """Give an integer of another type than int, 0 for what is none."""
    if isinstance(value, (bool, np.bool_)):
        return 0
    try:
        return operator.index(value)
    except TypeError:
        return 0
