"""What a run gives to others: flat draws, tables, data sets, and what notebooks show."""

from __future__ import annotations

import html.parser
import sys
import warnings

import emcee
import numpy as np
import polars
import pyarrow
import pytest
import xarray

from foldstat import walkers as w


def normal(x, y):
    return -(x * x + y * y) / 2


def sample(n_steps=60, **keywords):
    settings = {"n_walkers": 8, "burn_in": 10, "move": w.UniformStep(2.0), "rng": 0, "where": "python"} | keywords
    return w.sample(normal, [0.0, 0.0], n_steps=n_steps, **settings)


def unnamed():
    return w.sample(lambda p: -p @ p / 2, [0.0] * 3, n_steps=20, burn_in=20, n_walkers=4, rng=0, where="python")


def interrupted_in_its_burn_in():
    calls = iter(range(1000))

    def density(x, y):
        if next(calls) == 300:
            raise KeyboardInterrupt
        return normal(x, y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        settings = {"n_walkers": 8, "rng": 0, "where": "python", "call": "coordinates"}
        return w.sample(density, [0.0, 0.0], n_steps=60, burn_in=200, **settings)


VIEWS = {
    "flat()": lambda run: run.flat(),
    "to_frame()": lambda run: run.to_frame(),
    "to_xarray()": lambda run: run.to_xarray(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_draws_needs_draws(name):
    with pytest.raises(w.NotKeptError, match=rf'{name[:-2]}\(\): .*keep="draws"'):
        VIEWS[name](sample(keep="moments"))
    with pytest.raises(ValueError, match="the run has no draws yet"):
        VIEWS[name](interrupted_in_its_burn_in())


@pytest.mark.parametrize("name", ["to_frame()", "to_xarray()", "to_arviz()"])
@pytest.mark.parametrize("taken", ["chain", "draw"])
def test_names_of_what_numbers_draws_are_refused(name, taken):
    run = sample(names=["x", taken])
    with pytest.raises(ValueError, match=rf"{name[:-2]}\(\): the name '{taken}'.*names="):
        getattr(run, name[:-2])()


# ---------------------------------------------------------------- flat draws


def test_flat_draws_are_all_draws_of_all_walkers():
    run = sample()
    flat = run.flat()
    assert flat.shape == (480, 2)
    np.testing.assert_array_equal(flat.reshape(60, 8, 2), run.draws.swapaxes(0, 1))
    flat[:] = 0.0
    assert run.draws.any(), "it is a copy"


@pytest.mark.parametrize("thin", [1, 2, 7, 60])
@pytest.mark.parametrize("discard", [0, 1, 13])
def test_flat_draws_are_those_of_emcee(thin, discard):
    run = sample()
    backend = emcee.backends.Backend()
    backend.reset(8, 2)
    backend.grow(60, None)
    backend.chain[:], backend.iteration = run.draws.swapaxes(0, 1), 60
    expected = backend.get_chain(flat=True, thin=thin, discard=discard)
    if not len(expected):
        with pytest.raises(ValueError, match=rf"flat\(\): thin={thin} and discard={discard} leave none of 60 draws"):
            run.flat(thin, discard)
        return
    np.testing.assert_array_equal(run.flat(thin, discard), expected)
    np.testing.assert_array_equal(run.flat(discard=discard, thin=thin), expected)
    assert len(expected) == 8 * ((60 - discard) // thin)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"thin": 0}, ValueError, "thin must be a number of draws, at least 1, got 0"),
        ({"thin": 1.5}, TypeError, "thin must be a number of draws"),
        ({"discard": -1}, ValueError, "discard must be a number of draws, at least 0, got -1"),
        ({"discard": "10"}, TypeError, "discard must be a number of draws"),
        ({"discard": 60}, ValueError, "leave none of 60 draws"),
        ({"thin": 2**61, "discard": 2**61}, ValueError, "leave none of 60 draws"),
    ],
)
def test_flat_draws_that_cannot_be(keywords, error, message):
    with pytest.raises(error, match=message):
        sample().flat(**keywords)


def test_flat_draws_of_thinned_and_extended_runs():
    run = sample(thin=3).extend(30)
    np.testing.assert_array_equal(run.flat(thin=2)[:8], run.draws[:, 1])
    assert len(run.flat()) == 8 * 30


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("kind", [None, "pandas", "polars", "pyarrow"])
def test_a_table_has_a_row_for_each_draw(kind):
    run = sample(names=["width", "a <b>"])
    frame = run.to_frame(kind)
    columns = ["chain", "draw", "width", "a <b>"]
    if kind == "pyarrow":
        assert isinstance(frame, pyarrow.Table)
        found = {name: frame[name].to_numpy() for name in frame.column_names}
    elif kind == "polars":
        assert isinstance(frame, polars.DataFrame)
        found = {name: frame[name].to_numpy() for name in frame.columns}
    else:
        assert type(frame).__module__.startswith("pandas")
        assert frame.index.tolist() == list(range(480))
        found = {name: frame[name].to_numpy() for name in frame.columns}
    assert list(found) == columns
    np.testing.assert_array_equal(found["chain"].reshape(8, 60), np.arange(8)[:, None] + np.zeros((1, 60)))
    np.testing.assert_array_equal(found["draw"].reshape(8, 60), np.arange(60) + np.zeros((8, 1)))
    for dim, name in enumerate(columns[2:]):
        np.testing.assert_array_equal(found[name].reshape(8, 60), run.draws[..., dim])


def test_a_table_of_coordinates_without_names():
    assert list(unnamed().to_frame().columns) == ["chain", "draw", "x[0]", "x[1]", "x[2]"]


def test_tables_of_other_kinds_or_of_libraries_that_are_not_there(monkeypatch):
    run = sample()
    with pytest.raises(ValueError, match="kind must be 'pandas', 'polars', 'pyarrow' or None, got 'duckdb'"):
        run.to_frame("duckdb")
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(run.to_frame(), polars.DataFrame)
    with pytest.raises(ImportError, match="pip install pandas"):
        run.to_frame("pandas")


# ---------------------------------------------------------------- data sets


def test_a_data_set_has_a_variable_for_each_name():
    run = sample(names=["width", "height"])
    data = run.to_xarray()
    assert isinstance(data, xarray.Dataset)
    assert list(data.data_vars) == ["width", "height"]
    for dim, name in enumerate(run.names):
        assert data[name].dims == ("chain", "draw")
        np.testing.assert_array_equal(data[name].values, run.draws[..., dim])
        assert np.shares_memory(data[name].values, run.draws)
    assert data["chain"].values.tolist() == list(range(8))
    assert data["draw"].values.tolist() == list(range(60))
    assert data.attrs["move"] == repr(run.move)
    assert data.attrs["inference_library"] == "foldstat"


def test_a_data_set_is_the_posterior_of_arviz():
    for run in (sample(), unnamed()):
        theirs, ours = run.to_arviz().posterior, run.to_xarray()
        xarray.testing.assert_equal(ours, theirs)
        assert ours.sel(chain=1, draw=3)[next(iter(ours))].shape == (() if run.n_dims == 2 else (3,))


def test_a_data_set_of_coordinates_without_names_is_one_variable():
    data = unnamed().to_xarray()
    assert data["x"].dims == ("chain", "draw", "dimension")
    assert data["dimension"].values.tolist() == [0, 1, 2]


def test_without_xarray_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"foldstat\[xarray\]"):
        sample().to_xarray()


# ---------------------------------------------------------------- notebooks


class Outline(html.parser.HTMLParser):
    """Texts of cells and items; every tag has to be closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def outline(run):
    parser = Outline()
    parser.feed(run._repr_html_())
    parser.close()
    assert parser.open == []
    return parser


def test_a_notebook_shows_what_was_run_and_the_table():
    run = sample(thin=2)
    texts = outline(run).texts
    facts = dict(zip(texts[1::2], texts[2::2], strict=False))
    assert facts["walkers"] == "8"
    assert facts["steps"] == "60 after 10 of burn-in"
    assert facts["draws"] == "30 of each walker, 2 steps apart"
    assert facts["move"] == repr(run.move)
    assert facts["density"] == run.density_kind
    assert f"{run.acceptance_rate.mean():.3f}" in facts["acceptance"]
    for cell in run.summary()._cells():
        assert set(cell) <= set(texts)


@pytest.mark.parametrize(("converged", "shown"), [(True, "yes"), (False, "no"), (None, "not known")])
def test_a_notebook_shows_whether_a_run_is_to_be_trusted(converged, shown, monkeypatch):
    problems = () if converged else ("R-hat of x is 1.2 <b>.", "2 walkers never moved & stay.")
    monkeypatch.setattr(w.Run, "converged", property(lambda run: converged))
    monkeypatch.setattr(w.Run, "problems", property(lambda run: problems))
    seen = outline(sample())
    assert seen.texts[seen.texts.index("converged") + 1] == shown
    assert [text for text in seen.texts if text in problems] == list(problems)
    assert "b" not in seen.tags


def test_names_are_texts_and_no_html():
    name = "<script>alert('x')</script> & \"y\""
    seen = outline(sample(names=[name, "y"]))
    assert name in seen.texts
    assert "script" not in seen.tags


@pytest.mark.parametrize("keywords", [{"keep": "moments"}, {"n_walkers": 1}, {"n_steps": 1}])
def test_a_notebook_shows_any_run(keywords):
    texts = outline(sample(**keywords)).texts
    assert "mean" in texts
    assert ("moments only" in "".join(texts)) == (keywords == {"keep": "moments"})


def test_a_notebook_shows_a_run_without_draws():
    texts = outline(interrupted_in_its_burn_in()).texts
    assert "mean" not in texts
    assert "none yet" in texts
    assert any(text.endswith("(interrupted)") for text in texts)
    assert any(text.startswith("0 after ") for text in texts)
