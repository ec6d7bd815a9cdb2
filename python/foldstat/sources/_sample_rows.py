"""A sample of the rows of whatever has rows."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from foldstat._common.arrays import Rows, as_rows
from foldstat._common.checks import as_count
from foldstat._common.libraries import native
from foldstat._common.random import seed_sequence
from foldstat.sources._as_source import as_source
from foldstat.sources._matrices import Matrices
from foldstat.sources._row_sample import RowSample
from foldstat.sources._sequence import SequenceSource
from foldstat.sources._source import chosen
from foldstat.sources._tables import is_table


def sample_rows(x: Any, n: int, random_state: Any = None, columns: Any = None) -> Rows:
    """Draw rows without replacement, in one pass over whatever has rows.

    Which rows these are depends on their numbers and `random_state` alone: of an array, of a file that holds it and of
    its rows in chunks of any size the same are drawn.

    Parameters
    ----------
    x : array-like or frame of shape (n_rows, d), or source
        The rows: in memory, or any source (`foldstat.sources.as_source` says which there are), an iterator as well.
    n : int
        How many, where there are as many.
    random_state : int, SeedSequence, Generator, RandomState or None, default=None
        Where the choice comes from. A generator moves on; None takes entropy from the operating system.
    columns : list of str, optional
        Which columns, in which order, where they have names.

    Returns
    -------
    ndarray of shape (min(n, n_rows), d)
        The rows in their order, float64, or float32 if all columns are.

    Raises
    ------
    TypeError
        If a column holds no numbers.
    ValueError
        If `n` is less than one, there are no rows, or a column is not there or holds a null.

    See Also
    --------
    foldstat.sources.RowSample : The sample of parts, which merges.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import sample_rows
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> sample_rows(X, 2, random_state=0)
    array([[16., 17.],
           [18., 19.]])
    >>> np.array_equal(sample_rows([X[:7], X[7:]], 2, random_state=0), sample_rows(X, 2, random_state=0))
    True
    """
    sample = RowSample(as_count(n, "n", "a number of rows", least=1), _seed(random_state))
    x = native(x)
    source = SequenceSource([x], columns) if is_table(x) else as_source(x, columns)
    if source is None:
        chosen(None, columns, "x")
        rows = as_rows(x, "x")
        if not len(rows):
            raise ValueError("x has no rows")
        sample.add(rows, 0)
        return sample.rows
    first = 0
    for block in Matrices(source):
        sample.add(block.rows, first)
        first += len(block.rows)
        del block
    return sample.rows


def _seed(random_state: Any) -> int:
    """Give a number of 64 bits; of a generator the next."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(0, 2**32, size=2, dtype=np.uint32).tolist()
    return operator.index(seed_sequence(random_state).generate_state(1, np.uint64)[0])
