"""The laws of `MixtureStatistics`: a monoid, and a value that can be stored and sent."""

from __future__ import annotations

import copy
import pickle
import re
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldstat
import kernel_functions
import twin
from foldstat import _core
from foldstat.mixture import MixtureStatistics, maximization, statistics
from mixtures import FAMILIES, assert_close, integer_weights, random_mixture

IDENTITY = MixtureStatistics()


def of(family, n=100, d=3, k=2, seed=0):
    m = random_mixture(family, n, d, k, seed)
    return kernel_functions.statistics(m.X, *m.parameters)


def arrays(s):
    return s.responsibility_sums, s.means, s.scatter


def assert_equal_to(actual, expected, rtol=1e-12):
    assert_close(actual.total_weight, expected.total_weight, rtol)
    assert_close(actual.log_likelihood, expected.log_likelihood, rtol)
    for a, b in zip(arrays(actual), arrays(expected), strict=True):
        assert_close(a, b, rtol, atol=rtol * np.abs(b).max())


@pytest.mark.parametrize("family", FAMILIES)
def test_identity(family):
    s = of(family)
    assert IDENTITY + s == s
    assert s + IDENTITY == s
    assert IDENTITY + IDENTITY == IDENTITY
    assert sum([s], MixtureStatistics()) == s
    assert sum([s, s]) == s + s
    assert IDENTITY.covariance_type is None
    assert (IDENTITY.n_components, IDENTITY.n_features) == (0, 0)
    assert (IDENTITY.total_weight, IDENTITY.log_likelihood) == (0.0, 0.0)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("family", FAMILIES)
def test_merge_is_associative_and_does_not_change_its_operands(family, offset):
    m = random_mixture(family, n=300, d=3, k=2, offset=offset)
    a, b, c = (kernel_functions.statistics(part, *m.parameters) for part in np.split(m.X, [50, 120]))
    before = [s.to_bytes() for s in (a, b, c)]
    rtol = 1e-12 if not offset else 1e-9  # rows at 1e6 are themselves rounded at 1e-10
    assert_equal_to((a + b) + c, a + (b + c), rtol)
    assert_equal_to(a + b, b + a, rtol)
    assert [s.to_bytes() for s in (a, b, c)] == before


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    weighted=st.booleans(),
)
def test_shuffled_chunks_merge_to_the_whole(family, seed, cuts, weighted):
    m = random_mixture(family, n=200, d=3, k=3, seed=seed)
    w = integer_weights(200, seed) if weighted else np.ones(200)
    order = np.random.default_rng(seed).permutation(200)
    chunks = np.split(order, sorted(cuts))
    parts = [kernel_functions.statistics(m.X[rows], *m.parameters, w[rows]) for rows in chunks]
    whole = kernel_functions.statistics(m.X, *m.parameters, w)
    assert_equal_to(sum(parts, MixtureStatistics()), whole)
    assert_equal_to(reduce(lambda a, b: b + a, parts), whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_merge_is_that_of_the_twin(family):
    m = random_mixture(family, n=90, d=2, k=3)
    # A component that has no row in one of the parts.
    resp = twin.predict_proba(m.X, *m.parameters)
    resp[:40, 1] = 0.0
    parts = [(m.X[:40], resp[:40]), (m.X[40:], resp[40:])]
    ours = [_core.statistics_from_responsibilities(X, r, family) for X, r in parts]
    theirs = [twin.statistics_from_responsibilities(X, r, family) for X, r in parts]
    assert_equal_to(ours[0] + ours[1], theirs[0] + theirs[1])
    assert_equal_to(ours[1] + ours[0], theirs[0] + theirs[1])


def test_merging_different_kinds_names_both():
    full, other = of("full", k=2), of("diag", k=2)
    with pytest.raises(ValueError, match=r"(?s)full.*diag"):
        full + other
    with pytest.raises(ValueError, match=r"2.*3"):
        full + of("full", k=3)
    with pytest.raises(ValueError, match=r"3.*4"):
        full + of("full", d=4)
    with pytest.raises(TypeError):
        full + 1
    with pytest.raises(TypeError):
        1 + full


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_a_value(family):
    s, same, other = of(family), of(family), of(family, seed=1)
    assert s == same
    assert hash(s) == hash(same)
    assert s != other
    assert s != "statistics"
    assert len({s, same, other}) == 2
    assert {s.n_components, s.n_features} == {2, 3}
    assert "MixtureStatistics" in repr(s)
    assert family in repr(s)
    assert "MixtureStatistics" in repr(IDENTITY)
    with pytest.raises((AttributeError, TypeError)):
        s.total_weight = 1.0


@pytest.mark.parametrize("family", FAMILIES)
def test_arrays_handed_out_do_not_lead_back(family):
    s, same = of(family), of(family)
    for array in arrays(s):
        try:
            array[...] = 0.0
        except ValueError:  # read-only will do as well
            continue
    assert s == same


@pytest.mark.parametrize("family", [*FAMILIES, None])
def test_round_trips(family):
    s = IDENTITY if family is None else of(family)
    copies = [MixtureStatistics.from_bytes(s.to_bytes()), copy.copy(s), copy.deepcopy(s)]
    copies += [pickle.loads(pickle.dumps(s, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for one in copies:
        assert one == s
        assert one.to_bytes() == s.to_bytes()
        assert one.covariance_type == s.covariance_type
        for a, b in zip(arrays(one), arrays(s), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("garbage", [b"", b"\0", b"x" * 10, b"\xff" * 200])
def test_garbage_is_refused(garbage):
    with pytest.raises(ValueError, match=r"."):
        MixtureStatistics.from_bytes(garbage)


@pytest.mark.parametrize("family", FAMILIES)
def test_truncated_or_extended_bytes_are_refused(family):
    whole = of(family).to_bytes()
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            MixtureStatistics.from_bytes(whole[:length])
    with pytest.raises(ValueError, match=r"."):
        MixtureStatistics.from_bytes(whole + b"\0")


@settings(max_examples=300, deadline=None)
@given(family=st.sampled_from(FAMILIES), position=st.integers(0), bit=st.integers(0, 7))
def test_flipped_bits_are_refused(family, position, bit):
    damaged = bytearray(of(family).to_bytes())
    damaged[position % len(damaged)] ^= 1 << bit
    with pytest.raises(ValueError, match=r"."):
        MixtureStatistics.from_bytes(bytes(damaged))


@settings(max_examples=300, deadline=None)
@given(
    header=st.integers(0, 64),
    noise=st.binary(min_size=8, max_size=8) | st.just(b"\xff" * 8) | st.just(b"\x7f" * 8),
)
def test_absurd_headers_are_refused_without_allocating(header, noise):
    damaged = bytearray(of("full").to_bytes())
    if damaged[header : header + 8] == noise:
        return
    damaged[header : header + 8] = noise
    with pytest.raises(ValueError, match=r"."):
        MixtureStatistics.from_bytes(bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r"."):
        MixtureStatistics.from_bytes(data)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_from_chunks_is_the_fit_of_the_whole(family):
    m = random_mixture(family, n=400, d=2, k=2)
    parameters = foldstat.mixture.MixtureParameters(m.weights, m.means, m.covariances)
    for _ in range(5):
        parts = [statistics(c, *parameters, covariance_type=family) for c in np.split(m.X, 4)]
        parameters = maximization(sum(parts, MixtureStatistics()))
    whole = foldstat.mixture.em(m.X, m.weights, m.means, m.covariances, covariance_type=family, max_iter=5, tol=0.0)
    for a, b in zip(parameters, whole[:3], strict=True):
        assert_close(a, b, 1e-11)


NUMBERS = st.sampled_from([0.0, 1.0, -3.5, 1e-300, 5e-324, 1e150, -1e160, 1e300, 1.7e308])


@settings(max_examples=300, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    rows=st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=4),
    weights=st.lists(st.sampled_from([0.0, 1.0, 1e-320, 1e-300, 1e300, 1.7e308]), min_size=4, max_size=4),
    given_responsibilities=st.booleans(),
)
def test_whatever_can_be_built_can_be_written_and_read(family, rows, weights, given_responsibilities):
    X, w, m = np.array(rows), np.array(weights)[: len(rows)], random_mixture(family, d=2, k=2)
    total = IDENTITY
    for sample_weight in (w, None, w[::-1].copy()):
        try:
            if given_responsibilities:
                r = np.full((len(X), 2), 0.5)
                part = _core.statistics_from_responsibilities(X, r, family, sample_weight)
            else:
                part = kernel_functions.statistics(X, *m.parameters, sample_weight)
            total = total + part
        except ValueError as error:
            assert re.search(r"(overflow|(fall below|exceed) the range of) float64; scale the", str(error))  # noqa: PT017 - most examples are no errors
            continue
        for one in (part, total):
            again = MixtureStatistics.from_bytes(one.to_bytes())
            assert again == one
            assert again.to_bytes() == one.to_bytes()
            assert pickle.loads(pickle.dumps(one)) == one


def test_sums_that_overflow_when_merged_are_refused():
    rows = 1e154 * np.array([[1.0], [-1.0]])
    one = _core.statistics_from_responsibilities(rows, np.ones((2, 1)), "diag", np.full(2, 0.8))
    with pytest.raises(ValueError, match="X: sums of squares overflow float64; scale the input data"):
        one + one
    assert MixtureStatistics.from_bytes(one.to_bytes()) == one


def test_rows_are_counted():
    m = random_mixture("diag", n=100)
    w = integer_weights(100)
    one = kernel_functions.statistics(m.X, *m.parameters, w)
    assert (one.n_rows, (one + one).n_rows, IDENTITY.n_rows) == (75, 150, 0)
