"""Diagnostics: arrays of every kind, any number of threads, the summary, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import foldstat
from foldstat import _core, diagnostics
from instruction_sets import LEVELS, at_level

FUNCTIONS = {
    "r_hat": diagnostics.r_hat,
    "ess_bulk": diagnostics.ess_bulk,
    "ess_tail": diagnostics.ess_tail,
    "mcse_mean": diagnostics.mcse_mean,
    "mcse_sd": diagnostics.mcse_sd,
    "mcse_quantile": lambda x, **k: diagnostics.mcse_quantile(x, 0.3, **k),
    "nested_r_hat": lambda x, **k: diagnostics.nested_r_hat(x, 2, **k),
    "autocorrelation_time": diagnostics.autocorrelation_time,
}
every = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def chains(shape, seed=0):
    """Draws with ties, slow enough for transforms: a random walk pulled back to 0, rounded."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    for t in range(1, shape[1]):
        noise[:, t] += 0.995 * noise[:, t - 1]
    return noise.round(2)


def same(a, b):
    """Whether two results have the same bits."""
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


# --- threads and instructions ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 4001, 5), (6, 20_001, 1), (2, 100_000, 3)])
@every
def test_same_bits_for_any_number_of_threads(function, shape):
    x = chains(shape)
    alone = function(x, n_jobs=1)
    assert np.isfinite(alone).all()
    for n_jobs in (2, 3, 7):
        assert same(alone, function(x, n_jobs=n_jobs))
    with foldstat.threads(3):
        assert same(alone, function(x))


PROGRAM = """
import json, numpy as np
from foldstat import _core, diagnostics
x = np.random.default_rng(0).standard_normal((4, 5001, 3)).cumsum(axis=1).round(1)
table = _core.diagnostics_summary(x, [0.05, 0.5])
values = [*table.values(), diagnostics.autocorrelation_time(x)]
print(json.dumps([_core.system()["simd"], [float(v).hex() for a in values for v in np.ravel(a)]]))
"""


def test_same_bits_for_any_instructions():
    found = {}
    for level in LEVELS:
        used, bits = at_level(PROGRAM, level)
        found[used] = bits
    assert len(found) > 1
    assert all(bits == found["scalar"] for bits in found.values())


# --- arrays ---------------------------------------------------------------------------------------


def read_only(x):
    copy = x.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "dimension first": lambda x: np.ascontiguousarray(np.moveaxis(x, 2, 0)).transpose(1, 2, 0),
    "draw first, as emcee has them": lambda x: np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1),
    "every other": lambda x: np.repeat(np.repeat(x, 2, axis=1), 3, axis=2)[:, ::2, ::3],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "read-only": read_only,
    "foreign byte order": lambda x: x.astype(">f8"),
    "odd addresses": lambda x: np.frombuffer(b"?" + x.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(x.shape),
    "lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@every
def test_any_layout(function, layout):
    x = chains((4, 301, 11))
    assert same(function(x), function(layout(x)))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, bool, object])
@every
def test_any_kind_of_number(function, dtype):
    x = np.random.default_rng(0).poisson(2, (4, 301, 3)).astype(dtype)
    assert same(function(x), function(x.astype(np.float64)))


@every
def test_broadcast_chains(function):
    x = np.broadcast_to(chains((1, 301, 2)), (4, 301, 2))
    assert same(function(x), function(x.copy()))


@every
def test_shapes(function):
    x = chains((4, 301, 3))
    assert function(x).shape == (3,)
    alone = function(x[:, :, 1])
    assert isinstance(alone, float)
    assert same(alone, function(x)[1])
    assert function(x[:, :, :0]).shape == (0,)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"nested_r_hat"}))
def test_a_vector_is_one_chain(name):
    x = chains((1, 301))
    assert same(FUNCTIONS[name](x[0]), FUNCTIONS[name](x))


@pytest.mark.parametrize("shape", [(0, 10), (4, 0), (1, 1)])
@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"nested_r_hat"}))
def test_too_short(name, shape):
    assert np.isnan(FUNCTIONS[name](np.zeros(shape)))


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"nested_r_hat"}))
def test_axes_that_look_like_another_order_are_told(name):
    flat = chains((100, 2))
    with pytest.raises(ValueError, match=r"100 chains of 2 draws each. One chain of 100 draws.*x\[None\].*x\.T"):
        FUNCTIONS[name](flat)
    assert FUNCTIONS[name](flat[None]).shape == (2,)
    with pytest.warns(UserWarning, match=r"101 chains of 100 draws each.*x\.swapaxes\(0, 1\)") as told:
        found = FUNCTIONS[name](chains((101, 100, 1)))
    assert [warning.filename for warning in told] == [__file__]
    assert same(found, FUNCTIONS[name](chains((101, 100, 1))[:, :, 0]))


def test_many_short_chains_are_what_nested_r_hat_is_for():
    assert diagnostics.nested_r_hat(chains((100, 2)), 4) > 0
    assert diagnostics.nested_r_hat(chains((100, 20, 3)), 4).shape == (3,)


@every
def test_a_nan_concerns_its_dimension_only(function):
    x = chains((4, 301, 9))
    wanted = function(x)
    for place in (0, 150, 300):  # the middle one belongs to neither half
        broken = x.copy()
        broken[2, place, 4] = np.nan
        found = function(broken)
        assert np.isnan(found[4])
        assert same(np.delete(found, 4), np.delete(wanted, 4))


# --- all at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 500, 11), (4, 501, 2), (1, 500, 2)])
def test_the_summary_is_what_the_functions_give(shape):
    x = chains(shape)
    x[0, 3, 1] = np.nan
    probs = [0.0, 0.05, 0.5, 1.0]
    table = _core.diagnostics_summary(x, probs, 2)
    flat = x.reshape(-1, shape[2])
    np.testing.assert_allclose(table["mean"], flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["sd"], flat.std(axis=0, ddof=1), rtol=1e-12)
    assert same(np.quantile(flat, probs, axis=0).T + 0.0, table["quantiles"])
    for name in ("mcse_mean", "mcse_sd", "ess_bulk", "ess_tail"):
        assert same(FUNCTIONS[name](x), table[name])
    assert same(diagnostics.r_hat(x), table["r_hat"])


def test_the_summary_of_few_draws():
    x = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]])[:, :, None]
    table = _core.diagnostics_summary(x, [0.5])
    assert table["mean"] == 3.5
    assert table["quantiles"] == 3.5
    assert all(np.isnan(table[name]) for name in ("mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat"))
    infinite = np.array([[1.0, np.inf, np.inf], [2.0, np.inf, np.inf]])[:, :, None]
    assert _core.diagnostics_summary(infinite, [0.7])["quantiles"] == np.inf  # not ∞ − ∞
    empty = _core.diagnostics_summary(x[:, :0], [0.5])
    assert all(np.isnan(column).all() for column in empty.values())


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [1.0, np.zeros((1, 2, 3, 4))])
@every
def test_wrong_numbers_of_axes(function, x):
    with pytest.raises(ValueError, match=r"x must have shape \(chain, draw\).*got shape"):
        function(x)


@every
def test_not_numbers(function):
    with pytest.raises(TypeError, match="x must hold real numbers"):
        function(np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(TypeError, match="x must hold real numbers"):
        function(np.ones((2, 10), dtype=complex))
    with pytest.raises(ValueError, match="n_jobs"):
        function(np.ones((2, 10)), n_jobs=0)


@pytest.mark.parametrize("prob", [-0.1, 1.5, np.nan, (0.1, 2.0)])
def test_not_a_probability(prob):
    x = np.ones((2, 10))
    with pytest.raises(ValueError, match="prob must be a probability"):
        diagnostics.ess_tail(x, prob)
    if np.ndim(prob) == 0:
        with pytest.raises(ValueError, match="prob must be a probability"):
            diagnostics.mcse_quantile(x, prob)
    with pytest.raises(TypeError, match="prob must be a number, got 'half'"):
        diagnostics.mcse_quantile(x, "half")
    with pytest.raises(ValueError, match="prob must be one probability or two, got 3"):
        diagnostics.ess_tail(x, (0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="quantiles: probabilities must lie in"):
        _core.diagnostics_summary(x[:, :, None], [0.5, 1.1])


@pytest.mark.parametrize("c", [0, -1.0, np.nan])
def test_not_a_window(c):
    with pytest.raises(ValueError, match="c: must be positive, found"):
        diagnostics.autocorrelation_time(np.ones((2, 10)), c)


@pytest.mark.parametrize(
    ("superchains", "message"),
    [
        (1, "at least 2 and divide the number of chains, 6; got 1"),
        (4, "at least 2 and divide the number of chains, 6; got 4"),
        ([0, 0, 1, 1], "one superchain for each of 6 chains, got 4"),
        ([0, 0, 0, 0, 1, 1], "superchain 0 has 4 and superchain 1 has 2"),
        (["a"] * 6, "at least 2 superchains"),
        ([[0, 1]], "one number or one per chain"),
    ],
)
def test_wrong_superchains(superchains, message):
    with pytest.raises(ValueError, match=message):
        diagnostics.nested_r_hat(np.ones((6, 10)), superchains)
    with pytest.raises(ValueError, match="method must be 'rank' or 'identity', got 'folded'"):
        diagnostics.nested_r_hat(np.ones((6, 10)), 2, method="folded")


def test_a_window_that_is_no_number():
    with pytest.raises(TypeError, match="c must be a number"):
        diagnostics.autocorrelation_time(np.zeros((2, 10)), "a")
