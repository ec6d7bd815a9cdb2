"""The laws of `Moments`: a monoid over walkers, and a value that can be stored and sent."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldstat import map_reduce
from foldstat import walkers as w
from foldstat._common.bytes import seal, unseal

IDENTITY = w.Moments()
EDGES = np.array([-2.0, 0.0, 0.5, 3.0])

numbers = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1e150, -1e150, 1e-150])


@st.composite
def walks(draw, n_dims=2):
    shape = (draw(st.integers(1, 3)), draw(st.integers(0, 4)), n_dims)
    return draw(arrays(np.float64, shape, elements=numbers))


@st.composite
def several(draw, most=4):
    """Moments that add up: in two dimensions, all with the same histograms or none; or of no walkers."""
    with_histograms = draw(st.booleans())
    parts = []
    for points in draw(st.lists(st.none() | walks(), max_size=most)):
        if points is None:
            parts.append(IDENTITY)
        elif not with_histograms:
            parts.append(w.Moments.of_draws(points))
        else:
            parts.append(with_counts(points))
    return parts


def with_counts(points):
    """Moments with the histograms of the first coordinate and of both."""
    plain, flat = w.Moments.of_draws(points), points.reshape(-1, 2)
    one = w.Histogram(np.histogram(flat[:, 0], EDGES)[0].astype(np.uint64), [EDGES])
    counts = np.histogramdd(flat[:, ::-1], [EDGES, EDGES])[0].astype(np.uint64)
    both = w.Histogram(counts, [EDGES, EDGES])
    return w.Moments._of(plain.counts, plain.means, plain.covariances, {(0,): one, (1, 0): both})


def walked(rng=0, **keywords):
    settings = {"n_steps": 60, "burn_in": 20, "n_walkers": 5, "keep": "moments", "histograms": {0: EDGES}} | keywords
    return w.sample(lambda x, y: -(x * x + y * y) / 2, [0.0, 0.0], rng=rng, where="python", **settings)


@pytest.fixture(scope="module")
def moments():
    return walked().moments


def assert_identical(a, b):
    assert a == b
    assert a.to_bytes() == b.to_bytes()
    assert hash(a) == hash(b)


# ---------------------------------------------------------------- a monoid


@settings(max_examples=60, deadline=None)
@given(parts=several(most=3))
def test_it_is_associative_to_the_last_bit(parts):
    a, b, c = (*parts, IDENTITY, IDENTITY, IDENTITY)[:3]
    before = [part.to_bytes() for part in (a, b, c)]
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(w.Moments.merge_all([a, b, c]), a + b + c)
    assert [part.to_bytes() for part in (a, b, c)] == before


@settings(max_examples=60, deadline=None)
@given(parts=several())
def test_moments_of_nobody_change_nothing(parts):
    for part in parts:
        assert_identical(part + IDENTITY, part)
        assert_identical(IDENTITY + part, part)
    if parts:
        assert_identical(sum(parts), w.Moments.merge_all(parts))
    assert_identical(sum(parts, IDENTITY), w.Moments.merge_all(parts))


def test_the_identity():
    assert_identical(w.Moments.merge_all([]), IDENTITY)
    assert_identical(w.Moments.of_draws(np.empty((0, 5, 3))), IDENTITY)
    assert repr(IDENTITY) == "Moments()"
    assert IDENTITY.histograms == {}
    assert [IDENTITY.counts.shape, IDENTITY.means.shape, IDENTITY.covariances.shape] == [(0,), (0, 0), (0, 0, 0)]
    for empty in (IDENTITY.mean(), IDENTITY.cov(), IDENTITY.mcse_mean(), IDENTITY.psrf()):
        assert empty.size == 0


@settings(max_examples=60, deadline=None)
@given(points=arrays(np.float64, (4, 5, 2), elements=st.floats(-1e3, 1e3)), order=st.permutations(range(4)))
def test_what_is_said_of_all_walkers_does_not_depend_on_their_order(points, order):
    one = w.Moments.of_draws(points)
    other = sum(w.Moments.of_draws(points[[walker]]) for walker in order)
    assert_identical(other, w.Moments.of_draws(points[list(order)]))
    scale = np.abs(points).max() + 1e-300
    np.testing.assert_allclose(other.mean(), one.mean(), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(other.cov(), one.cov(), rtol=1e-10, atol=1e-10 * scale**2)
    np.testing.assert_allclose(other.mean(), points.mean(axis=(0, 1)), rtol=1e-12, atol=1e-12 * scale)


def test_walkers_stand_side_by_side_in_their_order(moments):
    other = walked(1, n_walkers=3, n_steps=30).moments
    both = moments + other
    assert both.counts.tolist() == [60] * 5 + [30] * 3
    np.testing.assert_array_equal(both.means, np.concatenate([moments.means, other.means]))
    np.testing.assert_array_equal(both.covariances, np.concatenate([moments.covariances, other.covariances]))
    np.testing.assert_array_equal(
        both.histograms[0,].counts, moments.histograms[0,].counts + other.histograms[0,].counts
    )
    assert repr(both) == "<Moments of 390 draws of 8 walkers in 2 dimensions, 1 histograms>"


def test_what_is_no_moments_does_not_merge(moments):
    with pytest.raises(TypeError, match="merge_all merges Moments, got int at position 1"):
        w.Moments.merge_all([moments, 1])
    for other in (1, 0.0, np.ones(2), None):
        with pytest.raises(TypeError):
            moments + other
        with pytest.raises(TypeError):
            other + moments


def test_bins_that_overflow_are_an_error(moments):
    full = w.Histogram(np.full(3, 2**64 - 1, dtype=np.uint64), [EDGES])
    many = w.Moments._of(moments.counts, moments.means, moments.covariances, {(0,): full})
    with pytest.raises(OverflowError, match=r"histograms of dimensions \(0,\)"):
        many + moments


def of_seed(seed):
    return walked(seed).moments


def test_map_reduce_merges_moments_of_walks():
    expected = sum(of_seed(seed) for seed in range(7))
    assert_identical(map_reduce(of_seed, range(7), w.Moments, fan_in=2, progress=False), expected)
    with ProcessPoolExecutor(2) as pool:
        assert_identical(map_reduce(of_seed, range(7), w.Moments, pool, progress=False), expected)
    assert_identical(map_reduce(of_seed, [], w.Moments, progress=False), IDENTITY)


# ---------------------------------------------------------------- walkers of different lengths


def test_the_error_of_the_mean_weighs_walkers_by_their_draws():
    """As many draws again in long walks and short ones: their errors are what independent draws have."""
    rng = np.random.default_rng(0)
    long, short = rng.normal(size=(300, 50, 1)), rng.normal(size=(300, 2, 1))
    both = w.Moments.of_draws(long) + w.Moments.of_draws(short)
    assert both.mcse_mean()[0] == pytest.approx(1 / np.sqrt(300 * 52), rel=0.1)
    assert both.psrf()[0] == pytest.approx(1.0, abs=0.03)


def test_walkers_without_draws_have_no_say():
    draws = np.random.default_rng(0).normal(size=(6, 50, 2))
    alone = w.Moments.of_draws(draws)
    both = alone + w.Moments.of_draws(np.ones((3, 0, 2)))
    for mine, others in ((alone.mcse_mean(), both.mcse_mean()), (alone.psrf(), both.psrf())):
        np.testing.assert_array_equal(mine, others)
    assert np.isfinite(alone.psrf()).all()


# ---------------------------------------------------------------- a value


@settings(max_examples=60, deadline=None)
@given(parts=several())
def test_round_trips(parts):
    for one in (*parts, sum(parts, IDENTITY)):
        copies = [w.Moments.from_bytes(one.to_bytes()), copy.copy(one), copy.deepcopy(one), one.copy()]
        copies += [pickle.loads(pickle.dumps(one))]
        for other in copies:
            assert_identical(other, one)
            np.testing.assert_array_equal(other.cov(), one.cov())
            assert list(other.histograms) == list(one.histograms)


@settings(max_examples=60, deadline=None)
@given(a=walks(), b=walks())
def test_equal_moments_and_only_they_have_equal_bytes(a, b):
    one, other = w.Moments.of_draws(a), w.Moments.of_draws(b)
    assert (one == other) == (one.to_bytes() == other.to_bytes())
    assert_identical(one, w.Moments.of_draws(a + 0.0))  # zero has one sign
    assert one != "moments"


def test_moments_differ_by_their_histograms(moments):
    data = walked(histograms={1: EDGES}).moments
    assert moments != data
    assert moments != walked(histograms=()).moments
    assert moments != walked(histograms={0: EDGES + 0.25}).moments
    assert len({moments, data, walked().moments}) == 2


def test_moments_do_not_change(moments):
    before = moments.to_bytes()
    histogram = moments.histograms[0,]
    for array in (moments.counts, moments.means, moments.covariances, histogram.counts, *histogram.edges):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    moments.histograms.clear()
    histogram.edges.clear()
    assert moments.to_bytes() == before
    with pytest.raises(AttributeError):
        moments.means = moments.means
    edges = EDGES.copy()
    kept = walked(histograms={0: edges}).moments
    edges[0] = -100.0
    assert kept == moments


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        (np.ones((3, 2)), r"draws must have shape \(n_walkers, n_draws, n_dims\), got \(3, 2\)"),
        (np.ones((3, 2, 0)), r"draws must have shape .* got \(3, 2, 0\)"),
        ([[[1.0, 2.0]], [[3.0, np.nan]]], r"draws must be finite, got nan at \(1, 0, 1\)"),
        ([[[np.inf]]], r"draws must be finite, got inf at \(0, 0, 0\)"),
    ],
)
def test_draws_that_have_no_moments_are_refused(draws, message):
    with pytest.raises(ValueError, match=message):
        w.Moments.of_draws(draws)


# ---------------------------------------------------------------- bytes


def rewritten(data, change):
    _, fields = unseal("Moments", data)
    change(fields)
    return seal("Moments", fields)


def put(at, field):
    return lambda fields: fields.__setitem__(at, field)


def doubles(*values):
    return np.array(values, dtype="<f8").tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.clear() or fields.append(b""), "fields are missing"),
        (put(0, b""), "no walkers"),
        (put(0, b"123"), "a number is cut off"),
        (put(0, np.array([-1] * 5, dtype="<i8").tobytes()), "fewer than no draws"),
        (put(1, b""), "no dimensions"),
        (put(1, b"\3"), "do not hold the moments of 5 walkers"),
        (put(1, b"\xff" * 40), "do not hold the moments of 5 walkers"),
        (put(1, b"\2\0"), "shortest form"),
        (put(3, b""), "do not hold the moments"),
        (put(4, b""), r"of the dimensions \(\)"),
        (put(4, np.array([2], dtype="<u8").tobytes()), r"of the dimensions \(2,\)"),
        (put(4, np.array([0, 0], dtype="<u8").tobytes()), r"of the dimensions \(0, 0\)"),
        (lambda fields: fields.extend(fields[4:]), r"of the dimensions \(0,\)"),
        (put(5, doubles(0.0, 0.0, 1.0, 2.0)), "edges of a histogram do not increase"),
        (put(5, doubles(0.0, 1.0, 2.0, np.inf)), "edges of a histogram do not increase"),
        (put(5, doubles(1.0)), "edges of a histogram do not increase"),
        (put(5, doubles(0.0, 1.0)), r"\[1\] bins has 3 counts"),
        (lambda fields: fields.pop(), "a histogram is cut off"),
        (put(2, doubles(*[-0.0] * 10)), "another form"),
        (put(2, b"\1\0\0\0\0\0\xf8\x7f" * 10), "another form"),
    ],
)
def test_bytes_that_are_no_moments_are_refused(moments, change, message):
    with pytest.raises(ValueError, match=rf"these bytes .*{message}"):
        w.Moments.from_bytes(rewritten(moments.to_bytes(), change))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_damage_is_a_value_error(moments, data):
    whole = bytearray(moments.to_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="these bytes"):
        w.Moments.from_bytes(whole)
    for cut in (whole[:at], b"", whole + b"\0"):
        with pytest.raises(ValueError, match="these bytes"):
            w.Moments.from_bytes(bytes(cut))
