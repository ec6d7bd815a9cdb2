"""Several columns together: covariances, correlations and lines from exact sums of products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.html import table_html
from foldstat._common.monoid import Monoid
from foldstat.summary._collections import Summaries

if TYPE_CHECKING:
    from foldstat._core import JointState

_KIND = "JointSummary"


class Line(NamedTuple):
    """A line of least squares, y = slope * x + intercept."""

    slope: float
    intercept: float
    r: float


class JointSummary(Monoid):
    """Exact sums of products of columns: covariances, correlations, least-squares lines.

    A monoid: ``+`` merges summaries of the same columns, to the last bit the same for any pieces
    and order, and ``-`` takes rows away that were added before (see `Summary`). `foldstat.summarize`
    makes it from ``cov=True``.

    Rows in which a column is NaN, infinite or null take no part in what is joint; they are
    counted in `incomplete_count`. `columns` summarises every column on its own, with all its values.

    ``JointSummary()`` is the identity of ``+``.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import summarize
    >>> X = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [np.nan, 4.0]])
    >>> joint = summarize(X, cov=True)
    >>> joint.cov()
    array([[1., 2.],
           [2., 4.]])
    >>> joint.line(0, 1)
    Line(slope=2.0, intercept=1.0, r=1.0)
    >>> joint.count, joint.incomplete_count, joint.columns.count
    (3, 1, array([3, 4]))
    """

    __slots__ = ("__weakref__", "_columns", "_joint")

    def __init__(self) -> None:
        self._columns = Summaries()
        self._joint: JointState | None = None

    @classmethod
    def _of(cls, columns: Summaries, joint: JointState | None) -> JointSummary:
        summary = cls()
        summary._columns = columns
        summary._joint = joint
        return summary

    # ---------------------------------------------------------------- reads

    @property
    def columns(self) -> Summaries:
        """Summaries of the columns, each with all its values."""
        return self._columns

    @property
    def names(self) -> tuple[str | int, ...] | None:
        """Names of the columns; None if they have none."""
        return self._columns.names

    @property
    def count(self) -> int:
        """Number of complete rows."""
        return 0 if self._joint is None else self._joint.count

    @property
    def incomplete_count(self) -> int:
        """Number of rows with a NaN, an infinity or a null in them."""
        return 0 if self._joint is None else self._joint.incomplete_count

    @property
    def means(self) -> NDArray[np.float64]:
        """Means of the complete rows, of shape (d,), correctly rounded."""
        return np.empty(0) if self._joint is None else self._joint.means

    def cov(self, ddof: int = 1) -> NDArray[np.float64]:
        """Give the covariance matrix of the complete rows.

        Parameters
        ----------
        ddof : int, default=1
            Sums of products of deviations are divided by ``count - ddof``.

        Returns
        -------
        ndarray of shape (d, d), float64
            Every entry correctly rounded, so that it is symmetric; NaN if ``count <= ddof``.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize([[1e9, 2.0], [1e9 + 1, 4.0]], cov=True).cov(ddof=0)
        array([[0.25, 0.5 ],
               [0.5 , 1.  ]])
        """
        return np.empty((0, 0)) if self._joint is None else self._joint.cov(ddof)

    def corr(self) -> NDArray[np.float64]:
        """Give Pearson's correlations of the complete rows.

        Returns
        -------
        ndarray of shape (d, d), float64
            Every entry correctly rounded, so that it is symmetric and from -1 to 1; NaN for a
            column without variance.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize([[1, 1], [2, 4], [3, 7]], cov=True).corr()
        array([[1., 1.],
               [1., 1.]])
        """
        return np.empty((0, 0)) if self._joint is None else self._joint.corr()

    def line(self, x: int | str, y: int | str) -> Line:
        """Fit y = slope * x + intercept to the complete rows by least squares.

        Parameters
        ----------
        x, y : int or str
            Columns, by number or name; by name if there are names that are ints.

        Returns
        -------
        Line
            Named tuple of slope, intercept and Pearson's r, each correctly rounded; NaN if x has
            no variance.

        Raises
        ------
        KeyError, IndexError
            If there is no such column.

        Examples
        --------
        >>> from foldstat import summarize
        >>> summarize({"t": [0, 1, 2], "v": [5, 3, 1]}, cov=True).line("t", "v")
        Line(slope=-2.0, intercept=5.0, r=-1.0)
        """
        if self._joint is None:
            raise IndexError("this JointSummary is empty: it has no columns")
        return Line(*self._joint.line(self._columns._position(x), self._columns._position(y)))

    # ---------------------------------------------------------------- the monoid

    @classmethod
    def merge_all(cls, several: Iterable[JointSummary]) -> JointSummary:
        """Merge any number of joint summaries; the identity if there are none.

        Parameters
        ----------
        several : iterable of JointSummary
            What to merge: of the same columns, or without any.

        Returns
        -------
        JointSummary
            A new object.

        Raises
        ------
        TypeError
            If one is something else.
        ValueError
            If their numbers or names of columns differ.
        """
        parts = cls._checked(several)
        columns = Summaries.merge_all(part._columns for part in parts)
        joints = [part._joint for part in parts if part._joint is not None]
        return cls._of(columns, _core.JointState.merge_all(joints) if joints else None)

    def __sub__(self, other: object) -> JointSummary:
        if not isinstance(other, JointSummary):
            return NotImplemented
        if other._joint is None:
            return self.copy()
        columns = self._columns - other._columns
        joint = _core.JointState(other._joint.n_columns) if self._joint is None else self._joint.copy()
        joint.subtract(other._joint)
        return self._of(columns, joint)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JointSummary):
            return NotImplemented
        return self._columns == other._columns and self._joint == other._joint

    def __hash__(self) -> int:
        return hash((self._columns, self._joint))

    def copy(self) -> JointSummary:
        """Give a joint summary of the same contents that changes on its own."""
        return self._of(self._columns.copy(), None if self._joint is None else self._joint.copy())

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode; equal joint summaries have equal bytes on every machine."""
        fields = [] if self._joint is None else [*self._columns._fields(), self._joint.to_payload()]
        return _bytes.seal(_KIND, fields)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> JointSummary:
        """Decode what `to_bytes` gave; a ValueError if they are other bytes."""
        version, fields = _bytes.unseal(_KIND, data)
        if not fields:
            return cls()
        if len(fields) != version + 1:
            raise _bytes.malformed(_KIND, f"they need {version + 1} fields")
        if version == 1:
            columns, joint = Summaries.from_bytes(fields[0]), _core.JointState.from_bytes(fields[1])
        else:
            columns, joint = Summaries._of_fields(fields[:2]), _core.JointState.from_payload(fields[2])
        if len(columns) != joint.n_columns:
            raise _bytes.malformed(_KIND, "the numbers of columns differ")
        return cls._of(columns, joint)

    def __repr__(self) -> str:
        if self._joint is None:
            return f"{type(self).__name__}()"
        names = "" if self.names is None else f" {list(self.names)}"
        return f"<{type(self).__name__} of {self._joint.n_columns} columns{names}, {self.count} complete rows>"

    def _repr_html_(self) -> str:
        labels = self._columns._labels()
        rows = zip(labels, self.corr().tolist(), strict=True)
        return table_html(["correlation", *labels], ([label, *row] for label, row in rows))
