"""What more than a plain summary costs: wide numbers, more parts, columns, groups, merging, bytes."""

import math
from functools import partial

import numpy as np

import foldstat
from results import Result, agree, ratio
from summary_data import keys, narrow, size, turns, wide
from timing import best_of

COLUMNS = 100
PARTS = 1000
BEST = 100
RELATIVE_ERROR = 0.01


def _identical(what, ours, theirs):
    """Raise unless two summaries have the same state: exact sums leave nothing to tolerate."""
    if ours != theirs or ours.to_bytes() != theirs.to_bytes():
        raise ArithmeticError(f"{what}: the summaries differ")


def _against_plain(key, what, bar, function, settings, check):
    """Ratio of the time of `function` to that of a plain summary of as many values."""
    x = narrow(size(settings))
    plain = partial(foldstat.Summary, x, n_jobs=settings.threads)
    best, results = best_of({what: function, "plain": plain}, turns(settings), settings.threads)
    check(results[what], results["plain"])
    return [
        Result(
            key=f"summary-{key}",
            label=f"Summary, {what}",
            value=ratio(best[what], best["plain"]),
            unit="×",
            bar=bar,
            at_most=bar is not None,
            times={what: best[what], "a plain Summary": best["plain"]},
        )
    ]


def wide_range(settings):
    """Numbers of all magnitudes, which do not fit into a few fixed windows."""
    x = wide(size(settings))

    def check(summary, _):
        agree("the correctly rounded sum", summary.sum, math.fsum(x), 0.0)
        agree("the variance of a wide range", summary.var() / x.var(ddof=1), 1.0, 1e-9)

    function = partial(foldstat.Summary, x, n_jobs=settings.threads)
    return _against_plain("wide", "exponents of ±300", 4, function, settings, check)


def times(settings):
    """Values that count a few times each, as those of a table of frequencies or of a resample."""
    x = narrow(size(settings))
    weights = np.random.default_rng(1).poisson(1.0, len(x))

    def check(summary, _):
        agree("the mean by numpy.average", summary.mean, np.average(x, weights=weights), 1e-12)
        agree("the variance by numpy.cov", summary.var(), float(np.cov(x, fweights=weights)), 1e-9)

    function = partial(foldstat.Summary, x, sample_weight=weights, n_jobs=settings.threads)
    return _against_plain("times", "numbers of times", 2, function, settings, check)


def real_weights(settings):
    """Values with weights that are any floats."""
    x = narrow(size(settings))
    weights = np.random.default_rng(1).random(len(x))

    def check(summary, _):
        agree("the mean by numpy.average", summary.mean, np.average(x, weights=weights), 1e-12)
        agree("the variance by numpy.cov", summary.var(), float(np.cov(x, aweights=weights)), 1e-9)

    function = partial(foldstat.Summary, x, sample_weight=weights, weights="reliability", n_jobs=settings.threads)
    return _against_plain("weights", "real weights", 2, function, settings, check)


def best_values(settings):
    """The hundred smallest with their positions."""
    x = narrow(size(settings))

    def check(summary, _):
        positions = np.argpartition(x, BEST)[:BEST]
        positions = positions[np.lexsort((positions, x[positions]))]
        if summary.best != [(float(x[i]), int(i)) for i in positions]:
            raise ArithmeticError("the best values differ from those of a sort")

    function = partial(foldstat.Summary, x, best=BEST, n_jobs=settings.threads)
    return _against_plain("best", f"best={BEST}", 1.3, function, settings, check)


def quantiles(settings):
    """The sketch of all quantiles."""
    x = narrow(size(settings))
    asked = [0.01, 0.25, 0.5, 0.75, 0.99]

    def check(summary, _):
        relative = np.array([summary.quantile(q) for q in asked]) / np.quantile(x, asked)
        agree("quantiles of a sketch", relative - 1.0, np.zeros(len(asked)), RELATIVE_ERROR)

    function = partial(foldstat.Summary, x, relative_error=RELATIVE_ERROR, n_jobs=settings.threads)
    return _against_plain("quantiles", f"relative_error={RELATIVE_ERROR}", 4, function, settings, check)


def four_moments(settings):
    """Third and fourth powers as well: for information."""
    x = narrow(size(settings))

    def check(summary, _):
        centred = x - x.mean()
        expected = (centred**3).mean() / centred.std() ** 3, (centred**4).mean() / centred.var() ** 2 - 3
        agree("skewness and kurtosis", (summary.skewness, summary.kurtosis), expected, 1e-6)

    function = partial(foldstat.Summary, x, moments=4, n_jobs=settings.threads)
    return _against_plain("moments", "moments=4", None, function, settings, check)


def columns(settings):
    """As many values in a matrix whose rows lie one after the other."""
    X = narrow(size(settings)).reshape(-1, COLUMNS)

    def check(summaries, whole):
        _identical("columns of a matrix, merged", foldstat.Summary.merge_all(summaries), whole)
        _identical("a column of a matrix", summaries[7], foldstat.Summary(X[:, 7]))

    function = partial(foldstat.summarize, X, axis=0, n_jobs=settings.threads)
    what = f"{COLUMNS} columns of {len(X):,} rows"
    return _against_plain("columns", what, 1, function, settings, check)


def groups(settings):
    """Each value into one of a thousand summaries."""
    x = narrow(size(settings))
    by = keys(len(x), PARTS)

    def check(grouped, whole):
        _identical("groups, merged", foldstat.Summary.merge_all(grouped.values()), whole)
        _identical("a group", grouped[7], foldstat.Summary(x[by == 7]))

    function = partial(foldstat.summarize, x, by=by, n_jobs=settings.threads)
    return _against_plain("groups", f"{PARTS} groups", 5, function, settings, check)


def merging(settings):
    """A thousand summaries into one, in both ways there are."""
    x = narrow(size(settings))
    whole = foldstat.Summary(x)
    parts = [foldstat.Summary(part) for part in np.array_split(x, PARTS)]
    ways = {"merge_all": lambda: foldstat.Summary.merge_all(parts), "sum": lambda: sum(parts)}
    best, results = best_of(ways, turns(settings), settings.threads)
    for way, merged in results.items():
        _identical(f"{PARTS} summaries by {way}", merged, whole)
    return [
        Result(
            key=f"summary-{way.replace('_', '-')}",
            label=f"{way} of {PARTS} plain summaries",
            value=best[way] * 1e3,
            unit="ms",
            bar=2,
            at_most=True,
            times={way: best[way]},
        )
        for way in ways
    ]


def serialised(settings):
    """The size of a plain summary when it travels."""
    summary = foldstat.Summary(narrow(size(settings)))
    data = summary.to_bytes()
    _identical("a summary from its bytes", foldstat.Summary.from_bytes(data), summary)
    return [
        Result(
            key="summary-bytes",
            label=f"bytes of a plain Summary of {summary.count:,} values",
            value=len(data),
            unit="bytes",
            bar=600,
            at_most=True,
        )
    ]


ROWS = {
    "summary-wide": wide_range,
    "summary-times": times,
    "summary-weights": real_weights,
    "summary-best": best_values,
    "summary-quantiles": quantiles,
    "summary-moments": four_moments,
    "summary-columns": columns,
    "summary-groups": groups,
    "summary-merge-all": merging,
    "summary-bytes": serialised,
}
