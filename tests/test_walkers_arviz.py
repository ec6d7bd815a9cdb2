"""What ArviZ gets, and what it makes of it; the table of a run beside that of ArviZ."""

import sys
import types
import warnings

import numpy as np
import pytest

from foldstat import walkers as w

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of version 0.23: that version 1 is coming
    import arviz


def sample(n_steps=400, **keywords):
    settings = {"n_walkers": 8, "burn_in": 50, "move": w.UniformStep(2.0), "rng": 0} | keywords
    return w.sample(w.densities.ThreeGaussians(), [0.0, 0.0], n_steps=n_steps, **settings)


def unnamed():
    return w.sample(lambda p: -p @ p / 2, [0.0, 0.0], n_steps=50, burn_in=50, n_walkers=4, rng=0, where="python")


def test_arviz_gets_the_draws_by_name():
    run = sample(names=["width", "height"])
    data = run.to_arviz()
    assert set(data.posterior.data_vars) == {"width", "height"}
    assert data.posterior["height"].dims == ("chain", "draw")
    np.testing.assert_array_equal(data.posterior["height"].values, run.draws[..., 1])
    assert np.shares_memory(data.posterior["height"].values, run.draws)
    np.testing.assert_array_equal(data.sample_stats["lp"].values, run.log_density)
    rates = data.sample_stats["acceptance_rate"].values
    np.testing.assert_array_equal(rates, np.repeat(run.acceptance_rate[:, None], 400, axis=1))
    assert data.posterior.attrs["inference_library"] == "foldstat"


def test_coordinates_without_names_are_one_variable():
    run = unnamed()
    data = run.to_arviz()
    assert list(data.posterior.data_vars) == ["x"]
    assert data.posterior["x"].dims == ("chain", "draw", "dimension")
    np.testing.assert_array_equal(data.posterior["x"].values, run.draws)
    assert list(arviz.summary(data).index) == list(run.names)


def test_the_summary_of_arviz_is_that_of_the_run():
    run = sample()
    theirs = arviz.summary(run.to_arviz(), round_to="none")
    ours = run.summary((0.1,))
    assert ours.names == tuple(theirs.index)
    for column in ("mean", "sd", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat"):
        np.testing.assert_allclose(ours[column], theirs[column].to_numpy(dtype=float), rtol=1e-9, err_msg=column)
    np.testing.assert_allclose(ours["10%"], np.quantile(run.draws.reshape(-1, 2), 0.1, axis=0), rtol=1e-9)


def test_many_walkers_with_few_draws_are_no_mistake():
    data = sample(n_steps=3, n_walkers=40).to_arviz()
    assert data.posterior.sizes["chain"] == 40


def test_extended_and_thinned_runs():
    assert sample(thin=3).extend(20).to_arviz().posterior.sizes["draw"] == 140


def test_version_one_is_given_groups(monkeypatch):
    """Version 1 takes groups, by their names."""
    seen = {}

    def from_dict(data, *, attrs=None, coords=None, dims=None):
        seen.update(data=data, attrs=attrs, coords=coords, dims=dims)
        return "a tree"

    monkeypatch.setitem(sys.modules, "arviz", types.SimpleNamespace(from_dict=from_dict, __version__="1.3.0"))
    run = unnamed()
    assert run.to_arviz() == "a tree"
    assert list(seen["data"]) == ["posterior", "sample_stats"]
    np.testing.assert_array_equal(seen["data"]["posterior"]["x"], run.draws)
    assert seen["dims"] == {"x": ["dimension"]}
    assert seen["attrs"]["posterior"]["inference_library"] == "foldstat"


def test_without_arviz_the_message_names_the_extra(monkeypatch):
    run = sample()
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ImportError, match=r"foldstat\[arviz\]"):
        run.to_arviz()


# ---------------------------------------------------------------- tables


def test_the_table_shows_a_row_per_coordinate():
    table = sample().summary()
    assert table.columns[:5] == ("mean", "sd", "mcse_mean", "mcse_sd", "5%")
    assert table.columns[-5:] == ("50%", "95%", "ess_bulk", "ess_tail", "r_hat")
    lines = repr(table).splitlines()
    assert lines[0].split() == list(table.columns)
    assert [line.split()[0] for line in lines[1:]] == ["x", "y"]
    assert len({len(line) for line in lines[1:]}) == 1
    html = table._repr_html_()
    assert html.startswith("<table")
    assert html.count("<tr>") == 3
    assert table.row("y") == {name: table[name][1] for name in table.columns}


@pytest.mark.parametrize(
    ("mean", "error", "shown"),
    [
        (3.52474859, 3e-6, "3.5247486"),
        (3.5, 0.0123, "3.500"),
        (12345.6, 31.0, "12346"),
        (-5.0, 5e3, "-5.0"),
        (1.25e-12, 2e-15, "1.2500e-12"),
        (0.0, 1.0, "0"),
        (0.123456, 0.0, "0.1235"),
        (0.123456, np.nan, "0.1235"),
        (np.nan, np.nan, "nan"),
    ],
)
def test_a_table_shows_the_digits_that_the_error_warrants(mean, error, shown):
    table = w.SummaryTable(("x",), {"mean": [mean], "mcse_mean": [error], "5%": [mean]})
    lines = repr(table).splitlines()
    assert lines[1].split()[1::2] == [shown, shown]
    assert abs(float(shown) - mean) <= 0.05 * error or not error > 0


def test_an_r_hat_is_no_mean():
    table = w.SummaryTable(("x",), {"mcse_mean": [1e5], "r_hat": [123.456]})
    assert repr(table).splitlines()[1].split()[-1] == "123.5"


def test_the_table_as_a_frame():
    table = sample().summary()
    frame = table.to_pandas()
    assert list(frame.index) == ["x", "y"]
    assert list(frame.columns) == list(table.columns)
    np.testing.assert_array_equal(frame["r_hat"].to_numpy(), table["r_hat"])


def test_what_a_table_does_not_have():
    table = sample().summary()
    with pytest.raises(KeyError, match="none of the columns"):
        table["median"]
    with pytest.raises(KeyError, match="none of"):
        table.row("z")


def test_names_are_escaped_in_html():
    assert "<b>" not in sample(names=["<b>", "y"]).summary()._repr_html_()


def test_the_threads_change_no_bit_of_a_summary():
    run = sample()
    one, two = run.summary(n_jobs=1), run.summary(n_jobs=2)
    for column in one.columns:
        np.testing.assert_array_equal(one[column], two[column])


def test_quantiles_can_be_chosen():
    assert sample().summary([0.025]).columns[4] == "2.5%"
    assert "5%" not in sample().summary(()).columns
    for wrong in ([1.5], [[0.5]], [float("nan")]):
        with pytest.raises(ValueError, match="percentiles must be a sequence of numbers from 0 to 1"):
            sample().summary(wrong)
    with pytest.raises(TypeError, match="percentiles must be"):
        sample().summary(["low"])


def test_names_that_arviz_has_taken_are_refused():
    run = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=9, n_walkers=4, rng=0, names=["draw", "y"])
    with pytest.raises(ValueError, match="the name 'draw' is that of a dimension in ArviZ"):
        run.to_arviz()
