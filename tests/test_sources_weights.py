"""Weights of rows that come in chunks: a column of theirs, or an array for all rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import Summary, summarize
from source_kinds import KINDS, NAMELESS, cut, frame

CHOSEN = ["arrays", "pandas frames", "function of frames", "npy", "parquet", "dataset", "scan", "relation"]


@pytest.mark.parametrize("kind", CHOSEN)
@settings(max_examples=15)
@given(
    st.integers(1, 20),
    st.lists(st.integers(0, 20), max_size=3),
    st.sampled_from([None, "frequency", "reliability"]),
    st.integers(0, 9),
)
def test_weighted_chunks_are_the_weighted_whole(kind, n, cuts, weights, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    w = rng.integers(0, 4, n) if weights is None else rng.random(n) * rng.integers(0, 2, n)
    whole = X if kind in NAMELESS else frame(X)
    with tempfile.TemporaryDirectory() as folder:
        x = KINDS[kind](X, cuts, Path(folder))
        assert summarize(x, axis=0, sample_weight=w, weights=weights) == summarize(
            whole, axis=0, sample_weight=w, weights=weights
        )
        every = np.repeat(w[:, None], 3, axis=1)
        assert Summary(x, sample_weight=w, weights=weights) == Summary(X, sample_weight=every, weights=weights)
        if weights is None:
            assert summarize(x, cov=True, sample_weight=w) == summarize(whole, cov=True, sample_weight=w)


@given(st.integers(1, 20), st.lists(st.integers(0, 20), max_size=3))
def test_weights_may_be_a_column(n, cuts):
    table = pd.DataFrame({"x": np.arange(n) / 7, "w": np.arange(n) % 4, "key": np.arange(n) % 2})
    rest = table[["x", "key"]]
    for x in (cut(table, cuts), lambda: iter(cut(table, cuts)), pl.from_pandas(table).lazy()):
        assert summarize(x, axis=0, sample_weight="w") == summarize(rest, axis=0, sample_weight=table["w"])
        assert summarize(x, by="key", sample_weight="w") == summarize(rest, by="key", sample_weight=table["w"])
        assert Summary(x, sample_weight="w") == Summary(rest, sample_weight=table["w"])


def test_weights_that_do_not_fit():
    X = np.ones((20, 2))
    parts = [X[:12], X[12:]]
    frames = [frame(part) for part in parts]
    with pytest.raises(ValueError, match="sample_weight holds floats, and x comes in batches"):
        Summary(parts, sample_weight=np.ones(20))
    for n, message in ((19, "has 19 weights, and x has more rows"), (21, "has 21 weights, and x has 20 rows")):
        with pytest.raises(ValueError, match=message):
            Summary(parts, sample_weight=np.ones(n, int))
    with pytest.raises(ValueError, match=r"sample_weight='w' is no column of x, whose columns are \['x0', 'x1'\]"):
        Summary(frames, sample_weight="w")
    with pytest.raises(ValueError, match="sample_weight and X do not go together where X comes in batches"):
        summarize(iter(parts), axis=0, sample_weight=np.ones(20, int))
    nulls = pa.table({"x": [1.0, 2.0], "w": pa.array([1, None])})
    with pytest.raises(ValueError, match="chunk 0: sample_weight='w' holds a null"):
        Summary([nulls], sample_weight="w")
    with pytest.raises(TypeError, match="sample_weight='w' is of type string"):
        Summary([pa.table({"x": [1.0], "w": ["a"]})], sample_weight="w")
