"""Input as columns, for summaries of each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.libraries import is_of
from foldstat.summary._input import Column, Frame, Items, Label, as_label, as_numbers
from foldstat.summary._nulls import Masked
from foldstat.summary._scaled_input import measured, read_array, unfit
from foldstat.summary._scales import Scales

if TYPE_CHECKING:
    from foldstat._core import SummaryState

_AXES = {"index": 0, "rows": 0, "columns": 1}


class Table:
    """Numbers of one dimension, a matrix, or columns; `source` is what they were given as.

    `scales` tell what the numbers stand for; those of a frame are known once it is `measured`.
    """

    def __init__(
        self, numbers: NDArray[Any] | Column | Masked | Frame, source: Any, name: str, scales: Scales = None
    ) -> None:
        self.source = source
        self.name = name
        self.scales = scales
        self.frame: Frame | None = None
        self.matrix: NDArray[Any] | Masked | None = None
        self.vector: Column | None = None
        if isinstance(numbers, Frame):
            self.frame = numbers
        elif isinstance(numbers, (np.ndarray, Masked)):
            if len(numbers.shape) not in (1, 2):
                raise ValueError(f"{name} must have one or two dimensions here, got shape {numbers.shape}")
            if len(numbers.shape) == 2:
                self.matrix = numbers
            else:
                self.vector = numbers.column(name) if isinstance(numbers, Masked) else numbers
        else:
            self.vector = numbers

    @classmethod
    def read(cls, X: Any, name: str = "X") -> Table:
        """Read anything that holds numbers, times or decimals."""
        numbers, scale = read_array(X, name)
        found = as_numbers(numbers, name)
        return cls(found.together(name) if isinstance(found, Items) else found, X, name, scale)

    @property
    def is_vector(self) -> bool:
        """Whether it has one dimension."""
        return self.vector is not None

    @property
    def names(self) -> tuple[Label, ...] | None:
        """Names of the columns; None if they have none."""
        return None if self.frame is None else self.frame.names

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        if self.frame is not None:
            return self.frame.n_rows
        return self.matrix.shape[0] if self.matrix is not None else len(self._vector())

    def axis(self, axis: int | str) -> int:
        """Check an axis, which may count from the end, or be named as in pandas."""
        dimensions = 1 if self.is_vector else 2
        if isinstance(axis, str):
            if axis not in _AXES:
                raise ValueError(f"axis must be None, 0, 1, 'index' or 'columns', got {axis!r}")
            axis = _AXES[axis]
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise TypeError(f"axis must be None, 0 or 1, got {axis!r}")
        if not -dimensions <= axis < dimensions:
            raise ValueError(f"axis {axis} is out of range: X has {dimensions} dimension{'s'[: dimensions - 1]}")
        return int(axis) % dimensions

    def only_numbers(self, *, strict: bool) -> Table:
        """Leave out the columns of a frame that hold no numbers, with a warning; a TypeError if strict."""
        if self.scales is not None:
            raise TypeError(f"{self.name} holds {self.scales}, of which only numbers are read here")
        if self.frame is None:
            return self
        return Table(self.frame.only_numbers(self.name, strict=strict), self.source, self.name)

    def measured(self, template: SummaryState, *, strict: bool) -> Table:
        """Read times and decimals as numbers; leave out what a summary with these settings does not take."""
        if self.frame is not None:
            frame, scales = measured(self.frame, self.name, template, strict=strict)
            return Table(frame, self.source, self.name, scales)
        if self.scales is not None and not isinstance(self.scales, tuple):
            problem = unfit(template, self.scales)
            if problem is not None:
                raise type(problem)(f"{self.name} {problem}")
        return self

    def columns(self) -> list[Column]:
        """Give the columns as numbers; a TypeError names those that hold none."""
        if self.frame is not None:
            return self.frame.numeric(self.name)
        if self.matrix is None:
            return [self._vector()]
        return list(self.matrix.columns(self.name) if isinstance(self.matrix, Masked) else self.matrix.T)

    def array(self) -> NDArray[Any] | None:
        """Give the matrix as one array, if it is one."""
        return None if isinstance(self.matrix, Masked) else self.matrix

    def transposed(self) -> Table:
        """Give rows as columns."""
        if self.matrix is None:
            raise ValueError("axis=1 needs an array of two dimensions: turn the frame into one, as .to_numpy() does")
        turned = self.matrix.transposed() if isinstance(self.matrix, Masked) else self.matrix.T
        return Table(turned, self.source, self.name, self.scales)

    def named(self, by: Any) -> list[Label] | None:
        """Tell whether `by` names columns of the frame: a name, or a list of different ones."""
        if self.is_name(by):
            return [as_label(by)]
        try:
            names = isinstance(by, list) and 0 < len(by) == len(set(by)) and all(self._knows(name) for name in by)
        except (TypeError, ValueError):  # not hashable
            return None
        return [as_label(name) for name in by] if names else None

    def is_name(self, by: Any) -> bool:
        """Tell whether `by` is one name: text, an integer, or the tuple that names a column of a pandas frame."""
        if isinstance(by, tuple):
            return self._knows(by)
        return isinstance(by, (str, int, np.integer)) and not isinstance(by, bool)

    def strangers(self, names: list[Any]) -> str:
        """Say what keeps a list from being names of columns."""
        if self.names is None:
            return f"{self.name} has no named columns"
        for name in names:
            if not self._knows(name):
                return f"{name!r} is no column, columns are {list(self.names)}"
        return f"{names!r} has a name twice"

    def _knows(self, name: Any) -> bool:
        if isinstance(name, tuple):
            return is_of(self.source, "pandas", "DataFrame") and name in list(self.source.columns)
        return not isinstance(name, (bool, np.bool_)) and name in (self.names or ())

    def without(self, names: list[Label]) -> tuple[list[Any], Table]:
        """Take the columns of these names out: them, and the rest."""
        frame = self.frame
        if frame is None:
            raise TypeError(f"by={names[0]!r}: only a frame with named columns can be grouped by the name of one")
        labels: tuple[Label, ...] = frame.names or tuple(range(len(frame.columns)))
        for name in names:
            if labels.count(name) != 1:
                problem = "several columns have this name" if name in labels else f"columns are {list(labels)}"
                raise ValueError(f"by={name!r}: {problem}")
        at = [labels.index(name) for name in names]
        kept = [i for i in range(len(labels)) if i not in at]
        rest = Frame(tuple(frame.columns[i] for i in kept), tuple(labels[i] for i in kept), frame.n_rows)
        return [self._keys(frame.columns[i], labels[i]) for i in at], Table(rest, self.source, self.name)

    def _keys(self, column: Any, name: Label) -> Any:
        """Give a column as the keys of rows, in the words of the frame's own library."""
        if not isinstance(column, _core.ArrowColumn):
            return column
        for method in ("get_column", "column"):  # Polars, pyarrow
            if hasattr(self.source, method):
                return getattr(self.source, method)(name)
        raise TypeError(f"by={name!r}: the keys of a {type(self.source).__name__} cannot be read: pass them as by=...")

    def _vector(self) -> Column:
        assert self.vector is not None  # one of the three is there
        return self.vector
