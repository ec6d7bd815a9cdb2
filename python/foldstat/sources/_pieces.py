"""Rows in pieces that lie elsewhere, and the one thing to do with them: a fold."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from foldstat._common.arrays import Floats, Rows

Progress: TypeAlias = bool | Callable[[int], object] | None

FAN_IN = 8


class WeightedRows(NamedTuple):
    """A piece of rows that have weights."""

    rows: Rows
    weights: Floats


class Pieces(ABC):
    """Rows in pieces that lie elsewhere.

    Attributes
    ----------
    n_pieces : int
        How many there are, one at least.
    lengths : tuple of (int or None)
        The number of rows of each; None where it is not known before it is computed.
    names : tuple of str, or None
        Names of the columns.
    n_columns : int or None
        Their number, where it is known.
    dtype : numpy.dtype or None
        What matrices are of: float64 or float32; None where it is not known.
    weighted : bool
        Whether pieces are `WeightedRows`.
    """

    n_pieces: int
    lengths: tuple[int | None, ...]
    names: tuple[str, ...] | None
    n_columns: int | None
    dtype: np.dtype[Any] | None
    weighted: bool

    @property
    def n_rows(self) -> int | None:
        """The number of all rows, where it is known."""
        known = [length for length in self.lengths if length is not None]
        return sum(known) if len(known) == self.n_pieces else None

    @abstractmethod
    def label(self, i: int) -> str:
        """Name a piece, as in "chunk 17"."""

    @abstractmethod
    def fold(
        self,
        task: Callable[..., Any],
        *broadcast: Any,
        merge: Callable[[Any, Any], Any] = operator.add,
        fan_in: int = FAN_IN,
        progress: Progress = False,
        desc: str = "fold",
    ) -> Any:
        """Call a function on every piece, where it lies, and merge what it returns.

        Parameters
        ----------
        task : callable
            ``task(piece, index, *broadcast)``. It is called where the piece lies, perhaps more than once (where a
            worker is lost), so that it must not do anything but return what follows from its arguments. Inside it
            foldstat uses as many threads as its worker has to give.
        *broadcast : object
            What all calls need: a model. It is sent once to each worker, and with each task if it has a few kB only.
        merge : callable, default=operator.add
            Merges two results, and changes neither: an associative operation. It is called where results lie, and
            with them in the order of their pieces.
        fan_in : int, default=8
            How many neighbours are merged at a time. The tree depends on the number of pieces alone, and so do bits
            of what only nearly is associative: not on workers, on who ends first, nor on what was done again.
        progress : bool, callable or None, default=False
            Whether to show a bar that counts pieces; None shows one after some seconds, where somebody sees it. A
            callable is called with the number of pieces that are done, whenever there are more.
        desc : str, default="fold"
            What the bar, and the tasks of a cluster, are called.

        Returns
        -------
        object
            The merged result: the only one that comes back.

        Raises
        ------
        Exception
            What the task raised, with a note that names the piece.
        RuntimeError
            If the cluster is closed meanwhile.
        """

    @abstractmethod
    def map(self, task: Callable[..., Any], *broadcast: Any, meta: Any) -> Any:
        """Call a function on every piece once somebody asks for it: a Dask array of what it returns, in these pieces.

        Parameters
        ----------
        task : callable
            ``task(piece, index, *broadcast)``, as in `fold`; returns an array with one entry for each row.
        *broadcast : object
            What all calls need.
        meta : array of length 0
            What the results are: their dtype, and their shape but for the rows.
        """


def check_fan_in(fan_in: int) -> int:
    """Check how many results are merged at a time."""
    if operator.index(fan_in) < 2:
        raise ValueError(f"fan_in must be at least 2, got {fan_in}")
    return operator.index(fan_in)
