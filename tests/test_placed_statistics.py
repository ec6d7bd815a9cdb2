"""Statistics that know their rows: a commutative monoid to the bit, in which nothing is lost or counted twice."""

from __future__ import annotations

import copy
import itertools
import pickle
import random
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat.mixture import MixtureStatistics, block_rows, maximization, statistics
from mixtures import FAMILIES, integer_weights, random_mixture

BLOCK = block_rows(2)


def model(family, n, seed=0, dtype=np.float64):
    m = random_mixture(family, n, d=2, k=3, seed=seed)
    parameters = m.weights, m.means, m.covariances
    weights = integer_weights(n, seed)
    weights[0] = 1
    return (
        m.X.astype(dtype),
        weights,
        lambda rows, w=None, **place: statistics(rows, *parameters, covariance_type=family, sample_weight=w, **place),
    )


@st.composite
def pieces(draw):
    """Rows, cut at blocks."""
    n = draw(st.integers(1, 9 * BLOCK))
    cuts = draw(st.sets(st.integers(1, 9), max_size=6))
    return n, [0, *sorted(cut * BLOCK for cut in cuts if cut * BLOCK < n), n]


def merged_anyhow(parts, seed):
    """The sum over some tree, in some order."""
    rng = random.Random(seed)
    parts = list(parts)
    while len(parts) > 1:
        i, j = rng.sample(range(len(parts)), 2)
        parts = [part for k, part in enumerate(parts) if k not in (i, j)] + [parts[i] + parts[j]]
    return parts[0]


@settings(max_examples=25, deadline=None)
@given(
    pieces(), st.sampled_from(FAMILIES), st.booleans(), st.sampled_from([np.float64, np.float32]), st.integers(0, 99)
)
def test_any_cut_at_blocks_in_any_order_over_any_tree_gives_the_same_bytes(cut, family, weighted, dtype, seed):
    n, cuts = cut
    X, weights, of = model(family, n, seed, dtype)
    w = weights if weighted else None
    parts = [of(X[a:b], None if w is None else w[a:b], first_row=a) for a, b in itertools.pairwise(cuts)]
    found, whole = merged_anyhow(parts, seed), of(X, w, first_row=0)
    assert found.to_bytes() == whole.to_bytes()
    assert found == whole
    assert hash(found) == hash(whole)
    assert found.span == (0, n)
    in_memory = of(X, w)
    assert found.log_likelihood == in_memory.log_likelihood
    assert found.n_rows == in_memory.n_rows
    assert found.total_weight == in_memory.total_weight
    np.testing.assert_array_equal(found.means, in_memory.means)
    np.testing.assert_array_equal(found.scatter, in_memory.scatter)


@settings(max_examples=25, deadline=None)
@given(pieces(), st.data())
def test_what_is_there_twice_or_not_at_all_is_told(cut, data):
    n, cuts = cut
    X, _, of = model("diag", n)
    ranges = list(itertools.pairwise(cuts))
    parts = [of(X[a:b], first_row=a) for a, b in ranges]
    which = data.draw(st.integers(0, len(parts) - 1))
    whole = reduce(add, parts)
    first, end = ranges[which]
    with pytest.raises(ValueError, match=rf"^rows {first}\.\.\d+ were counted twice$"):
        whole + parts[which]
    rest = [part for i, part in enumerate(parts) if i != which]
    if not rest or which == len(parts) - 1:
        return
    sum_of_rest = reduce(add, rest)
    for read in ("log_likelihood", "means", "scatter", "n_rows", "total_weight", "responsibility_sums"):
        with pytest.raises(ValueError, match=rf"^rows {first}\.\.{end} are missing$"):
            getattr(sum_of_rest, read)
    with pytest.raises(ValueError, match="are missing"):
        maximization(sum_of_rest)
    assert f"({first}..{end} are missing)" in repr(sum_of_rest)
    assert sum_of_rest + parts[which] == whole


def test_nothing_follows_a_block_that_is_shorter():
    X, _, of = model("full", 3 * BLOCK)
    short, later = of(X[: BLOCK + 5], first_row=0), of(X[2 * BLOCK :], first_row=2 * BLOCK)
    for left, right in ((short, later), (later, short)):
        with pytest.raises(ValueError, match=rf"^rows {BLOCK + 5}\.\.{2 * BLOCK} are missing$"):
            left + right


@pytest.mark.parametrize("first_row", [1, BLOCK - 1, BLOCK + 1, 2**63])
def test_a_row_where_no_block_begins_is_refused(first_row):
    X, _, of = model("full", 100)
    with pytest.raises(
        (ValueError, OverflowError), match=r"first_row: must be a multiple of 2048|first_row must be the number"
    ):
        of(X, first_row=first_row)
    with pytest.raises(TypeError, match="first_row and piece exclude each other"):
        of(X, first_row=0, piece=0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=9), st.booleans(), st.integers(0, 99))
def test_pieces_of_any_length_merge_in_any_order(lengths, weighted, seed):
    cuts = np.cumsum([0, *lengths])
    X, weights, of = model("full", int(cuts[-1]), seed)
    parts = [
        of(X[a:b], weights[a:b] if weighted else None, piece=i) for i, (a, b) in enumerate(itertools.pairwise(cuts))
    ]
    found = merged_anyhow(parts, seed)
    assert found.to_bytes() == reduce(add, parts).to_bytes()
    expected = of(X, weights if weighted else None)
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-9)
    with pytest.raises(ValueError, match=r"^pieces 0\.\.1 were counted twice$"):
        found + parts[0]


def test_loose_and_placed_ones_do_not_merge_but_the_identity_does():
    X, _, of = model("full", 100)
    loose, placed, piece = of(X), of(X, first_row=0), of(X, piece=0)
    assert loose.span is None
    assert MixtureStatistics() + placed == placed == placed + MixtureStatistics()
    assert sum([placed]) == placed
    for left, right in ((loose, placed), (placed, loose), (placed, piece), (piece, placed)):
        with pytest.raises(ValueError, match=r"^cannot merge "):
            left + right
    assert loose != placed
    assert placed != piece


def test_they_travel():
    X, _, of = model("tied", 5 * BLOCK + 7)
    whole = of(X, first_row=0)
    middle = of(X[BLOCK : 4 * BLOCK], first_row=BLOCK)
    for one in (whole, middle, of(X, piece=7)):
        for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert other == one
            assert other.to_bytes() == one.to_bytes()
            assert repr(other) == repr(one)
    assert repr(whole).startswith(f"<MixtureStatistics of 3 'tied' components in 2 features, rows 0..{len(X)}, total")
    assert f"rows {BLOCK}..{4 * BLOCK} (0..{BLOCK} are missing)>" in repr(middle)


def test_rows_of_weight_zero_keep_their_places():
    X, _, of = model("full", 3 * BLOCK)
    w = np.ones(len(X))
    w[BLOCK : 2 * BLOCK] = 0
    parts = [of(X[a : a + BLOCK], w[a : a + BLOCK], first_row=a) for a in (0, 2 * BLOCK)]
    with pytest.raises(ValueError, match="are missing"):
        reduce(add, parts).means  # noqa: B018
    nothing = of(X[BLOCK : 2 * BLOCK], w[BLOCK : 2 * BLOCK], first_row=BLOCK)
    found = parts[1] + nothing + parts[0]
    assert found.log_likelihood == of(X, w).log_likelihood
    assert found.n_rows == 2 * BLOCK


def test_parts_without_rows_are_there_all_the_same():
    X, _, of = model("full", 3000)
    parts = [of(X[:1000], piece=0), of(X[:0], piece=1), of(X[1000:], piece=2)]
    found = merged_anyhow(parts, 0)
    np.testing.assert_allclose(found.log_likelihood, of(X).log_likelihood, rtol=1e-12)
    assert found.n_rows == 3000
    with pytest.raises(ValueError, match=r"^pieces 1\.\.2 are missing$"):
        (parts[0] + parts[2]).means  # noqa: B018
    assert (of(X[:0], first_row=2048) + of(X, first_row=0)).to_bytes() == of(X, first_row=0).to_bytes()


@pytest.mark.parametrize("place", [-1, 2**52, 2**63 - 1, 2**64, 1.5, "0", True])
@pytest.mark.parametrize("name", ["first_row", "piece"])
def test_places_that_no_rows_have(name, place):
    X, _, of = model("full", 10)
    value = place * BLOCK if name == "first_row" and isinstance(place, int) and place > 1 else place
    with pytest.raises((ValueError, TypeError), match=name):
        of(X, **{name: value})
