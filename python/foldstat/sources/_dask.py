"""Collections of Dask: arrays, frames, and bags of arrays."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from foldstat._common.arrays import FLOAT32, FLOAT64, not_numbers
from foldstat.sources._dask_pieces import DaskPieces, Layout
from foldstat.sources._piece_rows import ArrayRows, AsItIs, BagRows, FrameRows, column_floats
from foldstat.sources._pieces import Pieces
from foldstat.sources._source import chosen, listed
from foldstat.sources._tables import dtype_of

Kind: TypeAlias = Literal["matrices", "rows", "blocks"]


def as_pieces(
    x: Any,
    columns: Sequence[Any] | None = None,
    sample_weight: Any = None,
    *,
    kind: Kind = "matrices",
    name: str = "X",
    nulls: bool = False,
) -> Pieces | None:
    """Give the pieces of a collection of Dask; None if `x` is none.

    Nothing of it is computed here, and Dask is not imported if it is not there yet.

    Parameters
    ----------
    x : dask.array.Array, dask.dataframe.DataFrame or Series, dask.bag.Bag of arrays, or anything else
        Chunks that an array has along its columns are put together when they are needed: the pieces are chunks of
        rows.
    columns : sequence of str, optional
        Which columns of a frame, and in which order. Default: all of them.
    sample_weight : str, dask.array.Array, dask.dataframe.Series or array, optional
        A column of the frame, which then is no feature; or weights in as many chunks; or an array of all of them,
        where the lengths of chunks are known.
    kind : {'matrices', 'rows', 'blocks'}, default='matrices'
        What pieces are: matrices of float64 or float32; or whole rows as they are, parts of frames and lists of
        what is in a bag among them; or the blocks of an array of any number of dimensions.
    name : str, default='X'
        What messages call it.
    nulls : bool, default=False
        Whether a null in a column of a matrix is NaN, in place of an error.

    Returns
    -------
    Pieces or None

    Raises
    ------
    TypeError
        If it is a collection of something else, or a column does not hold numbers.
    ValueError
        If it does not have two dimensions where pieces are matrices, does not have a column, or does not go together
        with its weights.

    Notes
    -----
    A fold runs on the scheduler that the collection would be computed on: the current `distributed.Client`, else what
    Dask is configured to (threads, or none). Pieces are worked on where they lie; Dask moves one only to a worker
    that has nothing left to do (work stealing). What is not persisted is computed again in every pass, within the
    task that works on it, and is not stored: ``x.persist()`` before several passes where the memory of the cluster
    holds it. Annotations of the collection (`dask.annotate`) end with the optimisation of its graph; those of the
    block around the call hold.

    Examples
    --------
    >>> import dask.array as da
    >>> from foldstat.sources import as_pieces
    >>> pieces = as_pieces(da.ones((10, 2), chunks=(4, 1)))
    >>> pieces.lengths, pieces.n_columns, pieces.label(2)
    ((4, 4, 2), 2, 'chunk 2')
    >>> pieces.fold(lambda piece, index: [(index, piece.shape)])
    [(0, (4, 2)), (1, (4, 2)), (2, (2, 2))]
    """
    dask = sys.modules.get("dask")
    if dask is None or not dask.is_dask_collection(x):
        return None
    if is_dask(x, "array", "Array"):
        return _of_array(x, columns, sample_weight, kind, name)
    if is_dask(x, "dataframe", "DataFrame", "Series"):
        return _of_frame(x, columns, sample_weight, kind, name, nulls)
    if is_dask(x, "bag", "Bag"):
        return _of_bag(x, columns, sample_weight, kind, name)
    if type(x).__module__.partition(".")[0] == "dask":
        raise TypeError(
            f"{name} is a {type(x).__name__} of Dask, whose content is not known: make it an array with "
            "dask.array.from_delayed, or a frame with dask.dataframe.from_delayed"
        )
    return None  # of another library, which has its own ways to give an array


def is_collection(x: Any) -> bool:
    """Whether `x` is a collection of Dask."""
    return is_dask(x, "array", "Array") or is_dask(x, "dataframe", "DataFrame", "Series") or is_dask(x, "bag", "Bag")


def is_dask(x: Any, room: str, *classes: str) -> bool:
    """Whether `x` is an object of a class of Dask, which is not imported for that."""
    return any(base.__name__ in classes and base.__module__.startswith(f"dask.{room}") for base in type(x).__mro__)


# ---------------------------------------------------------------- arrays


def _of_array(x: Any, columns: Any, weight: Any, kind: Kind, name: str) -> Pieces:
    chosen(None, columns, f"{name}, a Dask array,")
    if kind == "matrices":
        x = _as_matrix(x, name)
    elif x.ndim == 0:
        raise ValueError(f"{name} is a Dask array without any dimension: compute it, or reshape it to one number")
    if kind != "blocks":
        x = _whole_rows(x)
    collections = [x] if weight is None else [x, _weights_like(x, weight, name)]
    lengths = tuple(None if math.isnan(n) else int(n) for n in x.chunks[0]) if _has_rows(x) else None
    n_columns = None if x.ndim != 2 or math.isnan(x.shape[1]) else int(x.shape[1])
    dtype = FLOAT32 if x.dtype.newbyteorder("=") == FLOAT32 else FLOAT64
    weighted = weight is not None
    read = AsItIs() if kind != "matrices" else ArrayRows(name, n_columns or 0)
    return DaskPieces(collections, Layout(read, lengths, None, n_columns, dtype, weighted))


def _as_matrix(x: Any, name: str) -> Any:
    if x.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (rows, features), got a Dask array of shape {x.shape}; "
            "for one feature use X.reshape(-1, 1)"
        )
    if x.dtype.kind not in "biufO":
        raise not_numbers(name, x.dtype)
    if math.isnan(x.shape[1]):
        raise ValueError(f"{name} is a Dask array of an unknown number of columns: call {name}.compute_chunk_sizes()")
    return x


def _whole_rows(x: Any) -> Any:
    """Put together chunks that lie beside each other in rows."""
    cut = [axis for axis in range(1, x.ndim) if x.numblocks[axis] > 1]
    return x.rechunk(dict.fromkeys(cut, -1)) if cut else x


def _has_rows(x: Any) -> bool:
    return all(n == 1 for n in x.numblocks[1:])


def _weights_like(x: Any, weight: Any, name: str) -> Any:
    """Give weights in the chunks of the rows of an array, or in the blocks of it if there is one for each number."""
    if not is_dask(weight, "array", "Array"):
        weight = _cut_weights(x, weight, name)
    chunks = x.chunks if weight.ndim == x.ndim else x.chunks[:1]
    if weight.ndim not in (1, x.ndim):
        raise ValueError(f"sample_weight must have 1 dimension, got a Dask array of shape {weight.shape}")
    unknown = any(math.isnan(n) for axis in (*weight.chunks, *chunks) for n in axis)
    if not unknown and weight.chunks != chunks:
        totals = tuple(map(sum, chunks))
        if weight.shape != totals:
            raise ValueError(f"sample_weight.shape == {weight.shape}, expected {totals}!")
        return weight.rechunk(chunks)
    if weight.numblocks != tuple(map(len, chunks)):
        raise ValueError(
            f"sample_weight has {weight.numblocks[0]} chunks and {name} {len(chunks[0])}, of unknown lengths: call "
            "compute_chunk_sizes() of both"
        )
    return weight


def _cut_weights(x: Any, weight: Any, name: str) -> Any:
    from dask.array import from_array

    if any(math.isnan(n) for n in x.chunks[0]):
        raise ValueError(
            f"sample_weight must be a Dask array where the lengths of the chunks of {name} are not known: or call "
            f"{name}.compute_chunk_sizes()"
        )
    weights = np.asarray(weight)
    if weights.dtype.kind not in "biuf":
        raise not_numbers("sample_weight", weights.dtype)
    total = sum(x.chunks[0])
    if weights.shape not in ((total,), x.shape):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(total,)}!")
    return from_array(weights, chunks=x.chunks[: weights.ndim])


# ---------------------------------------------------------------- frames


def _of_frame(x: Any, columns: Any, weight: Any, kind: Kind, name: str, nulls: bool) -> Pieces:
    if x.ndim == 1:
        return _of_series(x, columns, weight, kind, name)
    weight, x = _weight_column(x, weight)
    names = [label for label in x.columns if weight is None or label != weight]
    if columns is not None:
        names = list(chosen(names, columns, name) or names)
    wanted = names if weight is None else [*names, weight]
    if wanted != list(x.columns):
        x = x[wanted]
    dtype = dtype_of(x._meta[names])
    if kind == "matrices":
        for label in wanted:
            if x._meta[label].dtype != object:  # what objects are only they tell
                column_floats(x._meta[label], label, name)
        read: Any = FrameRows(tuple(map(str, names)), dtype, None if weight is None else str(weight), nulls)
    else:
        read = AsItIs(weight)
    layout = Layout(read, None, tuple(names), len(names), dtype, weight is not None, "partition")
    return DaskPieces([x], layout)


def _of_series(x: Any, columns: Any, weight: Any, kind: Kind, name: str) -> Pieces:
    if kind == "matrices" or columns is not None:
        raise ValueError(f"{name} must have 2 dimensions (rows, features), got a Dask Series; use Series.to_frame()")
    if weight is None:
        return DaskPieces([x], Layout(AsItIs(), None, None, None, None, False, "partition"))
    label = "value" if x.name is None else x.name
    frame = x.to_frame(name=label)
    weight, frame = _weight_column(frame, weight)
    return DaskPieces([frame], Layout(AsItIs(weight, label), None, None, None, None, True, "partition"))


def _weight_column(x: Any, weight: Any) -> tuple[Any, Any]:
    """Give the name of the column of weights, and a frame that has it."""
    if weight is None:
        return None, x
    if is_dask(weight, "dataframe", "Series"):
        label = "sample_weight"
        while label in x.columns:
            label = f"_{label}"
        _check_range(x, weight)
        return label, x.assign(**{label: weight})
    if isinstance(weight, (str, int)) and not isinstance(weight, bool):
        if weight not in list(x.columns):
            raise ValueError(f"sample_weight: there is no column {weight!r}, there are {listed(tuple(x.columns))}")
        return weight, x
    raise TypeError(
        "sample_weight of a Dask frame must be the name of one of its columns or a Dask Series, got "
        f"{type(weight).__name__}"
    )


def _check_range(x: Any, weight: Any) -> None:
    """Refuse weights whose labels go beyond those of a frame: `assign` would make rows for them."""
    theirs, ours = weight.divisions, x.divisions
    if None not in (*theirs, *ours) and (theirs[0] < ours[0] or theirs[-1] > ours[-1]):
        raise ValueError(
            f"sample_weight has an index from {theirs[0]!r} to {theirs[-1]!r}, and that of the rows goes from "
            f"{ours[0]!r} to {ours[-1]!r}: they must have the same labels"
        )


# ---------------------------------------------------------------- bags


def _of_bag(x: Any, columns: Any, weight: Any, kind: Kind, name: str) -> Pieces:
    chosen(None, columns, f"{name}, a Dask Bag,")
    if weight is not None:
        raise ValueError(f"sample_weight does not go together with {name}, a Dask Bag: use an array or a frame")
    read: Any = BagRows(name) if kind == "matrices" else AsItIs()
    return DaskPieces([x], Layout(read, None, word="partition"))
