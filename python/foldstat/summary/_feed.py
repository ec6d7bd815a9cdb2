"""Put numbers of any kind into the state of a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from foldstat import _core
from foldstat._common.threads import thread_count
from foldstat.summary._arguments import Ids, as_ids
from foldstat.summary._input import Column, Frame, Items, as_numbers, check_index, flat
from foldstat.summary._nulls import OF_DECIMAL, Masked, exact_array, is_null, plain_items
from foldstat.summary._streams import is_readable_as_whole, n_columns, opened, told_in
from foldstat.summary._weighed_batches import is_weighed_in_batches, of_each_value, weighed
from foldstat.summary._weights import Weights, as_weights, told

if TYPE_CHECKING:
    from foldstat._core import SummaryState


def feed(
    state: SummaryState,
    x: Any,
    ids: Any,
    sample_weight: Any,
    n_jobs: int | None,
    name: str = "x",
    *,
    strict: bool = False,
) -> None:
    """Add all numbers of `x` to the state, or none of them if that fails; if strict, a frame holds nothing else."""
    x, batches = opened(x, name)
    if batches is None or not _is_read_in_batches(state, x, ids, sample_weight, name):
        with told(sample_weight):
            _feed_whole(state, x, ids, sample_weight, n_jobs, name, strict=strict)
        return
    begun = state.begin()
    for batch, weights in weighed(batches, sample_weight, state.weights, name):
        if begun.best_limit and n_columns(batch) > 1:
            raise ValueError(f"{name} comes in batches of several columns: best needs ids, give them batch by batch")
        with told_in(batches):
            _feed_whole(begun, batch, None, of_each_value(batch, weights), n_jobs, name, strict=strict)
    state.commit(begun)


def _is_read_in_batches(state: SummaryState, x: Any, ids: Any, sample_weight: Any, name: str) -> bool:
    """Whether batches can be added one by one; if not they have to be read as a whole, as readers can be."""
    if is_readable_as_whole(x):
        one_by_one = ids is None and is_weighed_in_batches(x, sample_weight)
        return one_by_one and not (state.best_limit and n_columns(x) > 1)  # positions go on from column to column
    if ids is not None:
        raise ValueError(f"ids and {name} do not go together where {name} comes in batches: update with each")
    return True


def _feed_whole(
    state: SummaryState, x: Any, ids: Any, sample_weight: Any, n_jobs: int | None, name: str, *, strict: bool
) -> None:
    threads = thread_count(n_jobs)
    numbers = as_numbers(x, name)
    check_index(x, ids, "ids", name)
    check_index(x, sample_weight, "sample_weight", name)
    shape = numbers.shape if isinstance(numbers, Masked) else None
    if isinstance(numbers, Masked):
        numbers = _flat_nulls(numbers, name)
    if isinstance(numbers, Items):
        _feed_items(state, numbers, ids, sample_weight, name, threads)
    elif isinstance(numbers, Frame):
        frame = numbers.only_numbers(name, strict=strict)
        _feed_frame(state, list(frame.columns), frame.n_rows, ids, sample_weight, threads)
    elif isinstance(numbers, np.ndarray):
        weights = as_weights(sample_weight, numbers.shape, state.weights)
        who = as_ids(ids, numbers.shape)
        ordered = bool(state.best_limit) or weights is not None or who is not None
        state.update(flat(numbers, ordered=ordered), who, weights, threads)
    else:
        shape = shape or (len(numbers),)
        state.update(numbers, as_ids(ids, shape), as_weights(sample_weight, shape, state.weights), threads)


def _flat_nulls(numbers: Masked, name: str) -> Column | Items:
    """Put numbers with nulls in one row: in a column where a library makes one, else one by one."""
    try:
        return numbers.column(name)
    except TypeError:
        return Items(numbers.items(), numbers.shape)


def _feed_frame(
    state: SummaryState, columns: list[Column], n_rows: int, ids: Any, sample_weight: Any, threads: int | None
) -> None:
    who = as_ids(ids, (n_rows,), counted="rows")
    weights = as_weights(sample_weight, (n_rows,), state.weights, counted="rows")
    begun = state.begin()
    if begun.best_limit:  # positions go on from column to column
        for column in columns:
            begun.update(column, who, weights, threads)
    else:
        parts = _core.summarize_columns(columns, begun, who, weights, threads)
        begun.merge(_core.SummaryState.merge_all(parts.views()))
    state.commit(begun)


def _feed_items(
    state: SummaryState, items: Items, ids: Any, sample_weight: Any, name: str, threads: int | None
) -> None:
    if ids is None and sample_weight is None:
        with _named(name):
            _update_items(state, items.values, None)
        return
    values = list(items.values)
    shape = (len(values),) if items.shape is None else items.shape
    who = as_ids(ids, shape)
    weights = as_weights(sample_weight, shape, state.weights)
    with _named(name):
        if weights is None:
            _update_items(state, values, who)
            return
        try:
            found = exact_array(values, name)
            column = found.column(name) if isinstance(found, Masked) else found
        except (TypeError, ValueError, OverflowError):
            _push_each(state, list(plain_items(values)), who, weights, threads)
        else:
            state.update(column, who, weights, threads)


def _update_items(state: SummaryState, values: Iterable[Any], who: Ids) -> None:
    """Add items one by one. To look for pandas.NA and masked entries costs as much as the rest: lists can wait."""
    if not isinstance(values, (list, tuple)):
        state.update_items(plain_items(values), who)
        return
    try:
        state.update_items(values, who)
    except TypeError:
        if not any(value is not None and is_null(value) for value in values):
            raise
        state.update_items(plain_items(values), who)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Have the messages about an item name the argument it is of."""
    try:
        yield
    except (TypeError, OverflowError) as error:
        text = str(error)
        if not text.startswith("items["):
            raise
        place, of_decimal, _ = text.partition(" is of type Decimal;")
        text = f"{place} {OF_DECIMAL}" if of_decimal else text
        raise type(error)(name + text.removeprefix("items")) from None


def _push_each(state: SummaryState, values: list[Any], who: Any, weights: Weights, threads: int | None) -> None:
    """Add what no array holds (nulls, integers beyond 2**53 beside floats), each as it weighs."""
    begun = state.begin()
    begun.copy().update_items(values, who)  # its messages tell positions
    known = [None] * len(values) if who is None else who
    real = weights.dtype.kind == "f"
    for value, identity, weight in zip(values, known, weights.tolist(), strict=True):
        identity = int(identity) if isinstance(identity, np.integer) else identity
        if value is None or not real:
            begun.push(value, identity, int(weight > 0) if real else weight)
        else:
            begun.update(np.array([value]), None if identity is None else [identity], np.array([weight]), threads)
    state.commit(begun)
