"""Weights of rows that come in batches: a column of theirs, or an array for all rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.libraries import native, offers_arrow
from foldstat.sources._tables import ColumnError, columns_of, floats_of, is_table, names_of, rows_of, selected
from foldstat.summary._streams import Batches, told_in


def is_weighed_in_batches(x: Any, sample_weight: Any) -> bool:
    """Tell whether weights go with each batch: by a name, or one for each row of what cannot be read as a whole."""
    if sample_weight is None or isinstance(sample_weight, str):
        return True
    weights = native(sample_weight)
    nested = isinstance(weights, (list, tuple)) and len(weights) > 0 and hasattr(weights[0], "__len__")
    return not offers_arrow(x) and not nested and np.ndim(weights) == 1


def weighed(batches: Any, sample_weight: Any, kind: str | None, name: str) -> Iterator[tuple[Any, Any]]:
    """Give each batch, and the weights of its rows; None where there are none."""
    if sample_weight is None:
        yield from ((batch, None) for batch in batches)
    elif not isinstance(batches, Batches):
        raise ValueError(f"sample_weight and {name} do not go together where {name} comes in batches: update with each")
    elif isinstance(sample_weight, str):
        for batch in batches:
            with told_in(batches):
                found = _of_column(batch, sample_weight, kind, name)
            yield found
    else:
        yield from _of_array(batches, _checked(np.asarray(sample_weight), kind, name), name)


def _of_column(batch: Any, sample_weight: str, kind: str | None, name: str) -> tuple[Any, Any]:
    there = (names_of(batch) if is_table(batch) else None) or ()
    if sample_weight not in there:
        raise ValueError(f"sample_weight={sample_weight!r} is no column of {name}, whose columns are {list(there)}")
    try:
        weights = floats_of(columns_of(selected(batch, [sample_weight]))[0])
    except ColumnError as error:
        raise error.kind(f"sample_weight={sample_weight!r} {error.problem}") from None
    return selected(batch, [label for label in there if label != sample_weight]), _checked(weights, kind, name)


def _checked(weights: NDArray[Any], kind: str | None, name: str) -> NDArray[Any]:
    if kind is None and weights.dtype.kind not in "biu":
        raise ValueError(
            f"sample_weight holds floats, and {name} comes in batches, which one by one do not tell what they are: say "
            "weights='frequency' or weights='reliability', or give integers, which are numbers of times"
        )
    return weights


def _of_array(batches: Batches, weights: NDArray[Any], name: str) -> Iterator[tuple[Any, Any]]:
    begin = 0
    for batch in batches:
        end = begin + (rows_of(batch) if is_table(batch) else len(batch))
        if end > len(weights):
            raise ValueError(f"sample_weight has {len(weights)} weights, and {name} has more rows")
        yield batch, weights[begin:end]
        begin = end
    if begin < len(weights):
        raise ValueError(f"sample_weight has {len(weights)} weights, and {name} has {begin} rows")


def of_each_value(batch: Any, weights: Any) -> Any:
    """Give the weights of rows for each value of an array."""
    if weights is None or not isinstance(batch, np.ndarray) or batch.ndim < 2:
        return weights
    return np.broadcast_to(weights.reshape(-1, *[1] * (batch.ndim - 1)), batch.shape)
