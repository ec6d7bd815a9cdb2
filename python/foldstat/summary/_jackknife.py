"""The jackknife: how a statistic changes when a part of the data is left out, without reading them again."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.callers import level_of_caller
from foldstat._common.fractions import rounded, rounded_root
from foldstat._common.monoid import Monoid
from foldstat.summary._collections import Summaries
from foldstat.summary._groups import GroupedSummary
from foldstat.summary._scaled_input import scaled
from foldstat.summary._scaled_state import scale_of, ticks_in
from foldstat.summary._summarize import summarize
from foldstat.summary._summary import Summary
from foldstat.summary._ticks import Scale

# Statistics by name, and what a summary of values has to keep for them.
_NAMED: dict[str, dict[str, Any]] = {name: {} for name in ("mean", "sum", "var", "std", "sem")}
_NAMED |= {name: {"moments": 4} for name in ("skewness", "kurtosis")}
_NAMED |= {name: {"quantiles": True} for name in ("median", "iqr")}
_OF_MEMBERS = ("min", "max", "best", "distinct_count")
_OF_RANKS = ("median", "iqr")
_SKETCHES = frozenset({"quantile_buckets", "relative_error"})
_FEWEST, _MOST = 2**12, 2**20  # buckets
_AT_ONCE = 2**13  # parts whose summaries are held at a time


@dataclass(frozen=True, eq=False, repr=False)
class Jackknife:
    """What the jackknife says of a statistic; made by `jackknife`.

    Attributes
    ----------
    estimate : float
        The statistic of all values.
    bias : float
        Estimated bias of it: ``estimate - bias`` is the corrected one.
    standard_error : float
        Its estimated standard error.
    replicates : ndarray of shape (n_parts,), float64
        The statistic without each of the parts that have values, in their order.
    """

    estimate: float
    bias: float
    standard_error: float
    replicates: NDArray[np.float64]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(estimate={self.estimate!r}, bias={self.bias!r}, "
            f"standard_error={self.standard_error!r}, {len(self.replicates)} replicates)"
        )


def jackknife(parts: Any, read: str | Callable[[Summary], float], **settings: Any) -> Jackknife:
    """Estimate the bias and the standard error of a statistic by leaving out each part in turn.

    The summary of what is left is the whole one less that of the part, exactly: no value is read twice.

    Parameters
    ----------
    parts : array-like of numbers, sequence of Summary, Summaries, or GroupedSummary of one column
        Values, each of which is left out in turn; or the summaries of blocks, such as those of days. NaN
        and nulls, and blocks without values, are passed over.
    read : str or callable
        The statistic: 'mean', 'sum', 'var', 'std', 'sem' (each with its defaults), 'skewness', 'kurtosis',
        'median' or 'iqr'; or a function of a `Summary` that gives a number. Single values, as the
        smallest, cannot be told once others are taken away.
    **settings
        What the summaries of values keep, as for `Summary`. Names of statistics bring what they need.

    Returns
    -------
    Jackknife
        estimate, bias, standard_error and replicates.

    Raises
    ------
    TypeError
        If the parts are something else or times, whose statistics by name are no numbers, or settings
        meet summaries, which have their own.
    ValueError
        If fewer than two parts have values, there is no such statistic, or the summaries do not keep it.

    Warns
    -----
    UserWarning
        If 'median' or 'iqr' is not exact, as it is of up to 2**20 values: see ``quantile_error``.

    Notes
    -----
    Blocks may have different numbers of values: these are the estimates of Busing, Meijer & van der
    Leeden, which for equal ones are those of Quenouille and Tukey. The standard error of the median, as
    of other statistics that jump, is not consistent when single values are left out: give blocks.

    References
    ----------
    Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 11. Busing, Meijer & van der
    Leeden, "Delete-m jackknife for unequal m", Statistics and Computing 9 (1999).

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from foldstat import Summary, jackknife
    >>> x = np.array([4.0, 8.0, 15.0, 16.0, 23.0, 42.0])
    >>> found = jackknife(x, "mean")
    >>> found.estimate, math.isclose(found.standard_error, Summary(x).sem)
    (18.0, True)
    >>> round(jackknife(x, lambda s: s.var(ddof=0)).bias, 6), round(-Summary(x).var() / 6, 6)
    (-30.333333, -30.333333)
    """
    if isinstance(read, str):
        needed = _named(read)
    elif callable(read):
        needed = {}
    else:
        raise TypeError(f"read must be the name of a statistic, or a function of a Summary, got {read!r}")
    blocks = _blocks(parts)
    if blocks is None:
        values = list(parts) if isinstance(parts, Iterator) else parts
        if "quantiles" in needed and not settings.keys() & _SKETCHES:
            needed = needed | {"quantile_buckets": _buckets_for(values)}
        total, chunks = _of_values(values, needed | settings)
    elif settings:
        raise TypeError(f"the summaries have settings of their own, got {', '.join(settings)}")
    else:
        total, chunks = (
            Summary.merge_all(blocks),
            lambda: (blocks[start : start + _AT_ONCE] for start in range(0, len(blocks), _AT_ONCE)),
        )
    _check_scale(total, read)
    if not total.count:
        raise _too_few(0)
    estimate = _number(read_named(total, read) if isinstance(read, str) else _called(read, total))
    if read in _OF_RANKS and not total.quantile_error and blocks is None:
        found = [_of_ranks(total, chunks, str(read), estimate)]
    else:
        found = [_without(total, chunk, read, estimate) for chunk in chunks()]
        if read in _OF_RANKS and total.quantile_error:
            warnings.warn(
                f"{read} is read to a relative error of {total.quantile_error:.2g}, which may hide how it changes: "
                "give a larger quantile_buckets",
                UserWarning,
                stacklevel=level_of_caller(),
            )
    replicates, counts, away = map(np.concatenate, zip(*found, strict=True))
    if len(replicates) < 2:
        raise _too_few(len(replicates))
    return Jackknife(estimate, *_estimates(away, counts), replicates)


def _too_few(parts: int) -> ValueError:
    return ValueError(f"the jackknife needs two parts with values or more, got {parts}")


def _named(read: str) -> dict[str, Any]:
    if read in _OF_MEMBERS:
        raise ValueError(f"read={read!r} cannot be told once values are taken away")
    if read not in _NAMED:
        raise ValueError(f"read must be {', '.join(map(repr, _NAMED))} or a function of a Summary, got {read!r}")
    return _NAMED[read]


def _buckets_for(values: Any) -> int:
    """Give a number of buckets that holds all values as they are, if there may be so many."""
    n = len(values) if hasattr(values, "__len__") else 0
    return min(max(_FEWEST, n), _MOST)


def _check_scale(total: Summary, read: str | Callable[[Summary], float]) -> None:
    """Check that a named statistic is a number: those of times and durations are not."""
    scale = scale_of(total._state)
    if isinstance(scale, Scale) and isinstance(read, str) and read not in ("skewness", "kurtosis"):
        raise TypeError(f"parts hold {scale}, whose {read} is no number: give read as a function that gives one")


def _called(read: Callable[[Summary], float], summary: Summary) -> float:
    try:
        return read(summary)
    except TypeError as error:
        error.add_note("read is called with a Summary, not with values: 'mean', or lambda s: s.mean")
        raise


def read_named(summary: Any, name: str) -> Any:
    """Read a statistic of a summary, or of several, by its name."""
    found = getattr(summary, name)
    return found() if callable(found) else found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"read must give a number, got {value!r}") from None


def _blocks(parts: Any) -> Summaries | None:
    """Give the summaries of blocks; None if the parts are values."""
    if isinstance(parts, Summaries):
        return parts
    if isinstance(parts, GroupedSummary):
        groups = [group[0] if isinstance(group, Summaries) and len(group) == 1 else group for group in parts.values()]
        if not all(isinstance(group, Summary) for group in groups):
            raise TypeError("parts must be groups of one column: a GroupedSummary of several has several statistics")
        return Summaries(groups)  # type: ignore[arg-type]
    if not isinstance(parts, Sequence) or not any(isinstance(part, Monoid) for part in parts):
        return None
    for position, part in enumerate(parts):
        if not isinstance(part, Summary):
            found = f"{type(part).__name__} at position {position}"
            raise TypeError(f"parts must be values, or Summary objects only, got {found}")
    return Summaries(parts)


def _of_values(parts: Any, settings: dict[str, Any]) -> tuple[Summary, Callable[[], Iterator[Summaries]]]:
    """Give the summary of all values, and those of single ones, some at a time."""
    values = parts
    records = getattr(getattr(values, "dtype", None), "names", None)
    if hasattr(values, "columns") or records or np.ndim(values) != 1:
        raise TypeError(f"parts must be values of one dimension, or summaries, got {type(parts).__name__}")
    total = Summary(values, **settings)
    scale = scale_of(total._state)
    if scale is not None:  # that of some rows may be another
        ticks = scaled(values, "parts")[1]
        values = values if ticks is None else ticks.masked()
    rows = values.iloc if hasattr(values, "iloc") else values

    def chunks() -> Iterator[Summaries]:
        for start in range(0, len(values), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            single = summarize(some, by=np.arange(len(some)), **settings)
            column = single._groups.column(0, range(len(single)))
            yield Summaries._of(column._states, column._places, None, scale)

    return total, chunks


def _without(
    total: Summary, parts: Summaries, read: str | Callable[[Summary], float], estimate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read what is left without each of the parts that have values.

    Given are the statistic, how many values each part has, and how far the statistic is from `estimate`, that of all.
    """
    counts = parts.count
    some = counts > 0
    if isinstance(read, str):
        states = parts._states.left_out(ticks_in(total._state), parts._which)
        left = Summaries._of_states(states, scales=scale_of(total._state))
        replicates = np.asarray(read_named(left, read), dtype=np.float64)[some]
    else:
        pairs = zip(parts, some, strict=True)
        replicates = np.array([_number(_called(read, total - part)) for part, has_values in pairs if has_values])
    exact = read in ("mean", "sum") and math.isfinite(estimate) and len(replicates) > 0
    with np.errstate(over="ignore", invalid="ignore"):
        away = (
            _exactly_away(total, [part for part, has_values in zip(parts, some, strict=True) if has_values], read)
            if exact
            else replicates - estimate
        )
    return replicates.astype(np.float64), counts[some].astype(np.float64), away


def _of_ranks(
    total: Summary, chunks: Callable[[], Iterator[Summaries]], read: str, estimate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read quantiles without each single value: they depend only on which of few ranks are above its own."""
    present, ticks = [], []
    for part in chunks():
        present.append(part.count > 0)
        ticks.append(part._states.sum(part._which)[present[-1]])
    positions = np.flatnonzero(np.concatenate([np.empty(0, dtype=bool), *present]))
    n = len(positions)
    ends = np.array([0.25, 0.5, 0.75]) * (n - 2)
    limits = np.unique(np.concatenate([np.floor(ends), np.ceil(ends)]))
    order = np.argsort(np.concatenate([np.empty(0), *ticks]), kind="stable")
    _, first, kind_of_rank = np.unique(np.searchsorted(limits, np.arange(n)), return_index=True, return_inverse=True)
    wanted, read_of = positions[order[first]], np.empty(len(first))
    start = 0
    for part in chunks():
        for kind in np.flatnonzero((start <= wanted) & (wanted < start + len(part))).tolist():
            place = int(wanted[kind]) - start
            read_of[kind] = _without(total, part[place : place + 1], read, estimate)[0][0]
        start += len(part)
    replicates = np.empty(n)
    replicates[order] = read_of[kind_of_rank]
    return replicates, np.ones(n), replicates - estimate


def _exactly_away(total: Summary, parts: Sequence[Summary], read: Any) -> NDArray[np.float64]:
    """Give how far means or sums are from that of all, rounded once: far from 0 the statistics differ by little."""
    whole, weight = total.power_sum(1), total.weight_power_sum(1)
    away = []
    for part in parts:
        lost, lost_weight = part.power_sum(1), part.weight_power_sum(1)
        if read == "sum":
            away.append(rounded(-lost))
        elif lost_weight == weight:
            away.append(math.nan)
        else:
            away.append(rounded((whole * lost_weight - lost * weight) / (weight * (weight - lost_weight))))
    return np.array(away)


def _estimates(away: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[float, float]:
    """Give bias and standard error; sums are those of summaries, the same on every machine."""
    total = Summary(counts).sum
    odds = total / counts - 1
    with np.errstate(over="ignore", invalid="ignore"):
        bias = Summary(away * (1 - counts / total)).read(nan="propagate").sum
        errors = (bias - odds * away) / np.sqrt(odds)
    if not np.isfinite(errors).all():
        return bias, math.nan
    return bias, rounded_root(Summary(errors).power_sum(2) / len(errors))
