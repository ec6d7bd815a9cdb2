"""Mixtures of rows that do not lie in memory: the bits of the fit in memory, and the proof that passes agree."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from foldstat import GaussianMixture
from foldstat.mixture import em, statistics
from foldstat.sources import as_source
from mixtures import FAMILIES, integer_weights, random_mixture

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pq = pytest.importorskip("pyarrow.parquet")

N, D = 20_000, 3
FITTED = ("weights_", "means_", "covariances_", "precisions_", "lower_bounds_", "n_iter_", "converged_")


@pytest.fixture(scope="module")
def rows():
    return random_mixture("full", N, d=D, k=3, seed=1).X


@pytest.fixture(scope="module")
def weights():
    return integer_weights(N, 2)


def sources(rows, weights, tmp_path):
    """The same rows in all the places that they may lie in, with their weights."""
    names = ["a", "b", "c"]
    frame = pd.DataFrame(rows, columns=names).assign(w=weights)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=3333)
    (tmp_path / "parts").mkdir()
    for i, begin in enumerate(range(0, len(rows), 7001)):
        pq.write_table(table.slice(begin, 7001), tmp_path / "parts" / f"{i}.parquet")
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(rows))
    cuts = [5, 2048, 2050, 9999, 15_000]
    given = {"columns": names, "sample_weight": "w"}
    yield "parquet", str(tmp_path / "rows.parquet"), given
    yield "folder", tmp_path / "parts", given
    yield "glob", str(tmp_path / "parts" / "*.parquet"), given
    yield "lazy frame", pl.scan_parquet(tmp_path / "rows.parquet"), given
    yield "arrays", np.split(rows, cuts), {"sample_weight": np.split(weights, cuts)}
    yield "frames", [frame.iloc[:777], frame.iloc[777:]], given
    yield "function", lambda: iter(np.split(rows, cuts)), {"sample_weight": lambda: iter(np.split(weights, cuts))}
    yield "npy", tmp_path / "rows.npy", {"sample_weight": weights}
    yield "fortran", tmp_path / "fortran.npy", {"sample_weight": weights}
    import pyarrow.dataset as ds

    yield "dataset", ds.dataset(tmp_path / "parts"), given
    try:
        import duckdb
    except ImportError:
        return
    yield "duckdb", duckdb.read_parquet(str(tmp_path / "rows.parquet")), given


def assert_same_fit(found, expected):
    for name in FITTED:
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_bits_do_not_depend_on_where_the_rows_lie(rows, weights, weighted, tmp_path):
    parameters = {"n_components": 3, "random_state": 0, "max_iter": 4, "tol": 0.0, "n_init": 2}
    for init_size in (None, 5000):
        model = GaussianMixture(init_size=init_size, **parameters)
        with pytest.warns(UserWarning, match="did not converge"):
            expected = model.fit(rows, sample_weight=weights if weighted else None)
        folder = tmp_path / str(init_size)
        folder.mkdir()
        for name, source, settings_ in sources(rows, weights, folder):
            options = dict(settings_)
            if not weighted:
                options.pop("sample_weight")
            elif "columns" in options:
                options["columns"] = ["a", "b", "c"]
            with pytest.warns(UserWarning, match="did not converge"):
                found = GaussianMixture(init_size=init_size, **parameters).fit(source, **options)
            assert_same_fit(found, expected)
            assert found.score(source, **{k: v for k, v in options.items() if k != "columns"}) == expected.score(
                rows, sample_weight=weights if weighted else None
            ), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_and_precision(family, dtype):
    X = random_mixture(family, 9000, d=2, k=2, seed=3).X.astype(dtype)
    parts = np.split(X, [1000, 1001, 5000])
    model = GaussianMixture(2, covariance_type=family, random_state=0, max_iter=3, tol=0)
    with pytest.warns(UserWarning, match="did not converge"):
        expected = pickle.loads(pickle.dumps(model.fit(X)))
    with pytest.warns(UserWarning, match="did not converge"):
        found = model.fit(parts)
    assert_same_fit(found, expected)
    assert found.means_.dtype == dtype
    for method in ("predict", "predict_proba", "score_samples"):
        whole, chunked = getattr(expected, method)(X), getattr(found, method)(parts)
        assert whole.dtype == chunked.dtype
        assert_array_equal(whole, chunked)
        assert_array_equal(whole, np.concatenate(list(found.iter_predictions(parts, method=method))))
        assert_array_equal(whole, next(found.iter_predictions(X, method=method)))
    for method in ("score", "aic", "bic"):
        whole, chunked = getattr(expected, method)(X), getattr(found, method)(parts)
        if dtype == np.float64:
            assert whole == chunked
        np.testing.assert_allclose(whole, chunked, rtol=1e-6)  # float32 is summed as scikit-learn sums it
    with pytest.warns(UserWarning, match="did not converge"):
        assert_array_equal(model.fit_predict(parts), model.fit_predict(X))


@settings(max_examples=20, deadline=None)
@given(st.integers(40, 6000), st.lists(st.integers(0, 6000), max_size=5), st.integers(2, 7000), st.booleans())
def test_any_cut_of_the_rows_gives_the_same_fit(n, cuts, init_size, weighted):
    X = random_mixture("full", n, d=2, k=2, seed=n).X
    w = integer_weights(n, n) if weighted else None
    if weighted:
        w[::3] = 0
    cuts = sorted(min(cut, n) for cut in cuts)
    parts, weights = np.split(X, cuts), None if w is None else np.split(w, cuts)
    model = GaussianMixture(2, random_state=n, init_size=max(init_size, 10), max_iter=2, tol=1e9)
    model.fit(X, sample_weight=w)
    expected = {name: getattr(model, name) for name in FITTED}
    model.fit(parts, sample_weight=weights)
    for name in FITTED:
        assert_array_equal(getattr(model, name), expected[name])
    assert model.score(parts, sample_weight=weights) == model.score(X, sample_weight=w)
    assert model.bic(parts, sample_weight=weights) == model.bic(X, sample_weight=w)


def test_functions_on_sources(rows, weights):
    m = random_mixture("full", N, d=D, k=3, seed=1)
    parameters = m.weights, m.means, m.covariances
    parts, w = np.split(rows, [3000, 3001]), np.split(weights, [3000, 3001])
    assert statistics(parts, *parameters, sample_weight=w) == statistics(rows, *parameters, sample_weight=weights)
    assert statistics(parts, *parameters) == statistics(rows, *parameters)
    assert statistics(parts, *parameters, first_row=0).span == (0, N)
    assert statistics(lambda: iter(parts), *parameters).span is None
    found, expected = (em(X, *parameters, max_iter=3, tol=0, sample_weight=v) for X, v in ((parts, w), (rows, weights)))
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a, b)
    frame = pd.DataFrame(rows, columns=list("abc"))[["c", "a", "b"]]
    found = em(frame, *parameters, max_iter=3, tol=0, columns=["a", "b", "c"])
    assert_array_equal(found.means, em(rows, *parameters, max_iter=3, tol=0).means)


def test_warm_starts_and_starts_that_are_given(rows):
    parts = np.split(rows, [4000, 4100])
    start = {"weights_init": [0.5, 0.5], "means_init": rows[:2], "precisions_init": [np.eye(D)] * 2}
    for more in (start, {"means_init": rows[:2]}, {"warm_start": True}):
        models = [GaussianMixture(2, max_iter=3, tol=0, random_state=0, **more) for _ in range(2)]
        for _ in range(2):
            with pytest.warns(UserWarning, match="did not converge"):
                found, expected = models[0].fit(parts), models[1].fit(rows)
            assert_same_fit(found, expected)
    unfitted = GaussianMixture(2, max_iter=0, **start)
    assert_same_fit(unfitted.fit(parts), GaussianMixture(2, max_iter=0, **start).fit(rows))


class Changing:
    """Chunks that differ from the `after`-th pass on."""

    def __init__(self, rows, change, after=2):
        self.rows, self.change, self.passes, self.after = rows, change, 0, after

    def __call__(self):
        self.passes += 1
        rows = self.rows if self.passes <= self.after else self.change(self.rows)
        return iter(np.array_split(rows, 3))


def bit_flipped(rows):
    changed = rows.copy()
    changed.view(np.uint64)[1234, 1] ^= 1
    return changed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[:-1], f"{N - 1}"),
        (bit_flipped, "column 1 has other values"),
        (lambda rows: rows[:, ::-1].copy(), "column 0 has other values"),
        (lambda rows: rows[:0], "no rows"),
    ],
)
def test_every_pass_proves_that_it_saw_the_same_rows(rows, change, told):
    model = GaussianMixture(2, random_state=0, max_iter=5, tol=0)
    with pytest.raises(ValueError, match=told):
        model.fit(Changing(rows, change))
    assert not hasattr(model, "means_")


def test_another_order_is_told_and_the_result_kept(rows):
    model = GaussianMixture(2, random_state=0, max_iter=5, tol=0)
    with pytest.warns() as caught:
        model.fit(Changing(rows, lambda rows: rows[::-1].copy()))
    texts = [str(warning.message) for warning in caught]
    assert any("in another order in each pass" in text for text in texts), texts
    with pytest.warns(UserWarning, match="did not converge"):
        expected = GaussianMixture(2, random_state=0, max_iter=5, tol=0).fit(rows)
    np.testing.assert_allclose(model.means_, expected.means_, rtol=1e-9)


def test_what_is_wrong_in_a_chunk_is_told_with_its_place(rows):
    parts = [part.copy() for part in np.split(rows, [5000, 12_000])]
    parts[1][7, 2] = np.nan
    model = GaussianMixture(2)
    with pytest.raises(ValueError, match=r"^Input X contains NaN\. The first one is at row 7 of chunk 1, column 2"):
        model.fit(parts)
    fitted = GaussianMixture(2, random_state=0).fit(rows)
    for method in ("predict", "score_samples", "predict_proba", "score", "bic"):
        with pytest.raises(ValueError, match="row 7 of chunk 1, column 2"):
            getattr(fitted, method)(parts)
    parts[1][7, 2] = np.inf
    with pytest.raises(ValueError, match=r"contains infinity.* row 7 of chunk 1, column 2"):
        model.fit(parts)
    weights = [np.ones(len(part)) for part in parts]
    weights[2][3] = -1
    parts[1][7, 2] = 0
    with pytest.raises(ValueError, match=r"found -1\.0 at row 3 of chunk 2"):
        model.fit(parts, sample_weight=weights)
    with pytest.raises(ValueError, match="4 features, but GaussianMixture is expecting 3"):
        fitted.predict([np.ones((3, 4))])
    with pytest.raises(ValueError, match="Expected n_samples >= n_components"):
        GaussianMixture(7).fit([rows[:3], rows[3:5]])
    with pytest.raises(ValueError, match=r"1 sample\(s\)"):
        GaussianMixture(1).fit([rows[:1]])
    with pytest.raises(ValueError, match="0 sample"):
        GaussianMixture(1).fit([rows[:5]], sample_weight=[np.zeros(5)])


def test_what_can_be_read_once_only_is_refused_where_passes_are_many(rows):
    with pytest.raises((TypeError, ValueError), match=r"once|again"):
        GaussianMixture(2).fit(part for part in np.split(rows, 4))
    once = GaussianMixture(2, random_state=0).partial_fit(part for part in np.split(rows, 4))
    assert once.n_features_in_ == D


def test_names_of_columns(rows, tmp_path):
    frame = pd.DataFrame(rows, columns=list("abc"))
    frame.to_parquet(tmp_path / "rows.parquet")
    model = GaussianMixture(2, random_state=0).fit(tmp_path / "rows.parquet", columns=["c", "a"])
    assert model.feature_names_in_.tolist() == ["c", "a"]
    assert_array_equal(model.predict(tmp_path / "rows.parquet"), model.predict(frame[["c", "a"]]))
    assert_array_equal(
        model.fit(frame, columns=["c", "a"]).predict(frame[["c", "a"]]), model.predict(tmp_path / "rows.parquet")
    )
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict([rows[:, :2]])
    with pytest.raises(ValueError, match="'d'"):
        GaussianMixture(2).fit(tmp_path / "rows.parquet", columns=["d"])
    with pytest.raises(TypeError, match="columns"):
        GaussianMixture(2).fit(rows, columns=["a"])


# ---------------------------------------------------------------- checkpoints


def test_a_checkpoint_goes_on_to_the_same_bits(rows, tmp_path):
    path = tmp_path / "fit.npz"
    settings = {"n_components": 3, "random_state": 0, "tol": 0.0, "n_init": 2}
    for X in (rows, np.split(rows, [3000, 9000])):
        with pytest.warns(UserWarning, match="did not converge"):
            expected = GaussianMixture(max_iter=7, **settings).fit(X)
        with pytest.warns(UserWarning, match="did not converge"):
            GaussianMixture(max_iter=3, **settings).fit(X, checkpoint=path)
        told = re.escape(f"goes on from the checkpoint '{path}', after 3 iterations")
        with pytest.warns(UserWarning, match=rf"{told}|did not converge") as caught:
            found = GaussianMixture(max_iter=7, **settings).fit(X, checkpoint=path)
        assert re.search(told, str(caught[0].message))
        assert_same_fit(found, expected)
        path.unlink()


def test_a_checkpoint_of_something_else_is_refused(rows, tmp_path):
    path = tmp_path / "fit.npz"
    settings = {"n_components": 2, "random_state": 0, "tol": 0.0, "max_iter": 2}

    def fit(X=rows, checkpoint=path, **more):
        GaussianMixture(**settings | more).fit(X, checkpoint=checkpoint)

    with pytest.warns(UserWarning, match="did not converge"):
        fit()
    for more, told in (
        ({"n_components": 3}, "n_components was 2, and is 3"),
        ({"covariance_type": "diag"}, "covariance_type was 'full', and is 'diag'"),
        ({"reg_covar": 1e-5}, "reg_covar was 1e-06, and is 1e-05"),
        ({"random_state": 1}, "random_state was 0, and is 1"),
        ({"n_init": 2}, "n_init was 1, and is 2"),
        ({"X": rows[1:]}, f"there are {N - 1} rows, where there were {N}"),
        ({"X": bit_flipped(rows)}, "column 1 has other values"),
        ({"X": rows[:, :2]}, "it has 3 columns, and X has 2"),
    ):
        with pytest.raises(ValueError, match=re.escape(told)):
            fit(**more)
    with pytest.warns(UserWarning, match="did not converge"):
        fit(checkpoint=tmp_path / "unseeded.npz", random_state=None)
    with pytest.warns(UserWarning, match=r"after 2 iterations|did not converge"):
        fit(checkpoint=tmp_path / "unseeded.npz", random_state=None, max_iter=3)
    content = path.read_bytes()
    for damaged in (b"", content[:-7], b"x" + content, content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="not written by foldstat, or is damaged"):
            fit()
    for wrong in (tmp_path, tmp_path / "none" / "fit.npz"):
        with pytest.raises(ValueError, match="checkpoint must be the path of a file"):
            fit(checkpoint=wrong)
    with pytest.raises(TypeError, match="checkpoint must be a path"):
        fit(checkpoint=3)


KILLED = """
import os, signal, sys, time, warnings
import numpy as np
from foldstat import GaussianMixture

warnings.simplefilter("ignore")
folder = sys.argv[1]
rows = np.load(folder + "/rows.npy")
settings = {"n_components": 3, "random_state": 0, "tol": 0, "max_iter": 40}

def fit(name):
    model = GaussianMixture(**settings).fit(np.split(rows, [3000, 9000]), checkpoint=f"{folder}/{name}.npz")
    np.save(f"{folder}/{name}.npy", model.means_)
    os._exit(0)

def run(name, seconds):
    begin, child = time.monotonic(), os.fork()
    if child == 0:
        fit(name)
    while time.monotonic() - begin < seconds:
        if os.waitpid(child, os.WNOHANG)[0]:
            return time.monotonic() - begin
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return seconds

took = run("whole", 120)
moments = np.random.default_rng(0).uniform(0.0, 0.3 * took, size=20)
for moment in moments:
    run("killed", moment)
print(os.path.exists(folder + "/killed.npz"))
run("killed", 120)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killed are forks of a process")
def test_killed_at_any_moment_a_fit_goes_on_to_the_same_bits(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"  # something was there to go on from
    assert_array_equal(np.load(tmp_path / "killed.npy"), np.load(tmp_path / "whole.npy"))


# ---------------------------------------------------------------- memory


LIMITED = """
import resource, sys, warnings
import numpy as np
import foldstat
warnings.simplefilter("ignore")
from foldstat import GaussianMixture
limit = {limit}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
model = GaussianMixture(2, random_state=0, max_iter=1, tol=1e9, init_size=1000).fit(sys.argv[1])
print(model.score(sys.argv[1]), foldstat.describe(sys.argv[1]) is not None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the address space are Linux's")
def test_more_than_the_address_space_is_fitted_and_scored(tmp_path):
    path = tmp_path / "sparse.npy"
    shape = (8_000_000, 32)  # 2 GB, of which the disk holds nothing
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, 32)))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header | {"shape": shape})
        file.truncate(file.tell() + 8 * shape[0] * shape[1])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(np.random.default_rng(0).normal(size=4096).tobytes())
    program = LIMITED.format(limit=1_500_000_000)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


# ---------------------------------------------------------------- partial_fit


def test_the_first_batch_is_fitted_and_batches_that_all_count_alike_add_up(rows):
    first, second = rows[:9000], rows[9000:]
    model = GaussianMixture(2, random_state=0, forgetting=1.0)
    expected = GaussianMixture(2, random_state=0).fit(first)
    model.partial_fit(first)
    assert_array_equal(model.means_, expected.means_)
    parameters = expected.weights_, expected.means_, expected.covariances_
    both = statistics(first, *parameters) + statistics(second, *parameters)
    model.partial_fit(second)
    from foldstat.mixture import maximization

    found = maximization(both)
    np.testing.assert_allclose(model.means_, found.means, rtol=1e-10)
    np.testing.assert_allclose(model.covariances_, found.covariances, rtol=1e-8)
    assert (model.converged_, model.n_iter_) == (False, expected.n_iter_ + 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(0.51, 1.0), st.sampled_from([0.25, 8.0, 2.0**40]))
def test_partial_fit_does_not_depend_on_the_scale_of_weights(seed, forgetting, scale):
    X = random_mixture("full", 900, d=2, k=2, seed=seed).X
    models = [GaussianMixture(2, random_state=0, forgetting=forgetting) for _ in range(2)]
    for part in np.split(X, 3):
        w = integer_weights(len(part), seed)
        models[0].partial_fit(part, sample_weight=w)
        models[1].partial_fit(part, sample_weight=w * scale)
    assert_array_equal(models[0].means_, models[1].means_)


def test_partial_fit_follows_a_stream_and_a_failed_batch_changes_nothing(rows):
    model = GaussianMixture(2, random_state=0)
    model.partial_fit(iter(np.split(rows, 20)))
    expected = GaussianMixture(2, random_state=0).fit(rows)
    order = np.argsort(model.means_[:, 0]), np.argsort(expected.means_[:, 0])
    np.testing.assert_allclose(model.means_[order[0]], expected.means_[order[1]], atol=0.5)
    before = pickle.dumps(model)
    bad = rows[:10].copy()
    bad[3, 1] = np.nan
    for wrong in (bad, rows[:10, :2]):
        with pytest.raises(ValueError, match=r"NaN|features"):
            model.partial_fit(wrong)
    assert pickle.dumps(model) == before
    again = pickle.loads(before).partial_fit(rows[:500])
    assert_array_equal(again.means_, model.partial_fit(rows[:500]).means_)


def test_forgetting_is_checked(rows):
    for forgetting in (0.5, 0.0, 1.1):
        with pytest.raises(ValueError, match="forgetting"):
            GaussianMixture(2, forgetting=forgetting).partial_fit(rows)
    with pytest.raises(ValueError, match="init_size"):
        GaussianMixture(2, init_size=1).fit(rows)


# ---------------------------------------------------------------- what an attack found


def test_every_chunk_of_an_iterator_of_frames_is_predicted(rows):
    frame = pd.DataFrame(rows, columns=list("abc"))
    model = GaussianMixture(2, random_state=0).fit(frame)
    wider = frame.assign(d=9.0, w=1.0)[["d", "c", "b", "w", "a"]]
    parts = [wider.iloc[i : i + 3000] for i in range(0, N, 3000)]
    assert_array_equal(model.predict(part for part in parts), model.predict(frame))
    assert model.score((part for part in parts), sample_weight="w") == model.score(frame)
    source = as_source(parts)
    assert_array_equal(model.predict(source), model.predict(frame))
    assert_same_fit(GaussianMixture(2, random_state=0).fit(source, columns=list("abc")), model)


def test_partial_fit_chooses_columns_by_their_names(rows):
    frame = pd.DataFrame(rows, columns=list("abc"))
    expected = GaussianMixture(2, random_state=0).partial_fit(frame).partial_fit(frame)
    model = GaussianMixture(2, random_state=0).partial_fit([frame]).partial_fit([frame[["c", "a", "b"]].assign(d=1.0)])
    assert_array_equal(model.means_, expected.means_)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]


def swapped(rows, weights=None):
    """Two values of a column that change places."""
    changed = rows.copy()
    changed[[3, 11_000], 1] = changed[[11_000, 3], 1]
    return changed


def balanced(rows):
    """Two values of a column that change by as much in opposite directions."""
    changed = rows.copy()
    changed[:2, 0] = 6, 8
    return changed


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_changes_that_cancel_are_seen(rows, dtype):
    rows = rows.astype(dtype)
    rows[:2, 0] = 4, 12
    model = GaussianMixture(2, random_state=0, max_iter=5, tol=0)
    with pytest.raises(ValueError, match="rows have other values or weights"):
        model.fit(Changing(rows, swapped))
    with pytest.raises(ValueError, match=r"column 0 has other values|rows have other values"):
        model.fit(Changing(rows, balanced))
    weights = Changing(np.arange(float(N)), lambda w: w[::-1].copy())
    with pytest.raises(ValueError, match="rows have other values or weights"):
        model.fit(lambda: iter(np.array_split(rows, 3)), sample_weight=weights)
    spoilt = rows.copy()
    spoilt[7, 1] = np.nan
    with pytest.raises(ValueError, match="changed between two passes: column 1 has other values"):
        model.fit(Changing(rows, lambda rows: spoilt))


def test_the_pass_that_predicts_proves_its_rows_too(rows):
    passes = 1 + 1 + 3  # for the start, the first iteration, and those that follow
    model = GaussianMixture(2, random_state=0, max_iter=4, tol=0)
    with pytest.warns(UserWarning, match="did not converge"), pytest.raises(ValueError, match="must stay the same"):
        model.fit_predict(Changing(rows, lambda rows: rows[:10], after=passes))
    with pytest.warns(UserWarning, match="did not converge"), pytest.raises(ValueError, match="changed between two"):
        model.fit_predict(Changing(rows, bit_flipped, after=passes))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_of_sources_are_checked_by_every_method(rows, bad):
    model = GaussianMixture(2, random_state=0).fit(rows)
    w = np.ones(N)
    w[17] = bad
    for method in (model.score, model.aic, model.bic):
        with pytest.raises(ValueError, match=r"found .* at row 17 of chunk 0"):
            method([rows], sample_weight=[w])
        with pytest.raises(ValueError, match="at least one non-zero"):
            method([rows], sample_weight=[np.zeros(N)])
    m = random_mixture("full", 10, d=D, k=3, seed=1)
    for function in (em, statistics):
        with pytest.raises(ValueError, match="at least one non-zero"):
            function([rows], m.weights, m.means, m.covariances, sample_weight=[np.zeros(N)])


def test_arrays_that_a_generator_fills_again(rows):
    def refilled(values):
        def chunks():
            buffer = np.empty_like(values[:1000])
            for i in range(0, N, 1000):
                buffer[:] = values[i : i + 1000]
                yield buffer

        return chunks

    w = np.arange(1.0, N + 1)
    model = GaussianMixture(2, random_state=0).fit(rows, sample_weight=w)
    found = GaussianMixture(2, random_state=0).fit(refilled(rows), sample_weight=refilled(w))
    assert_same_fit(found, model)
    assert found.score(refilled(rows), sample_weight=refilled(w)) == model.score(rows, sample_weight=w)
    assert_array_equal(found.predict_proba(refilled(rows)), model.predict_proba(rows))


def test_masks_and_names_that_would_be_forgotten_are_refused(rows):
    with pytest.raises(TypeError, match="is a masked array"):
        GaussianMixture(1).fit([np.ma.array(rows, mask=rows > 1)])
    frame = pd.DataFrame(rows, columns=list("abc"))
    for columns, error in (("abc", TypeError), (["q"], ValueError), ([], ValueError), (5, TypeError)):
        with pytest.raises(error, match="columns"):
            GaussianMixture(1).fit(frame, columns=columns)
    with pytest.raises(TypeError, match="names a column, which only sources have"):
        GaussianMixture(1).fit(frame, sample_weight="a")


def test_a_model_without_iterations_reads_its_rows(rows):
    start = {"weights_init": [0.5, 0.5], "means_init": rows[:2], "precisions_init": [np.eye(D)] * 2}
    bad = rows.copy()
    bad[7, 1] = np.nan
    for X, told in (([bad], "row 7 of chunk 0, column 1"), ([rows[:1]], "sample")):
        with pytest.raises(ValueError, match=told):
            GaussianMixture(2, max_iter=0, **start).fit(X)
        warm = GaussianMixture(2, random_state=0).fit(rows).set_params(max_iter=0, warm_start=True)
        with pytest.raises(ValueError, match=told):
            warm.fit(X)
    with pytest.raises(ValueError, match="X has 2 features, but the model to go on from has 3"):
        warm.fit([rows[:, :2]])


def test_what_a_subclass_says_is_not_passed_over(rows):
    class Mine(GaussianMixture):
        def score_samples(self, X):
            return np.zeros(len(X))

    model = Mine(2, random_state=0).fit([rows])
    assert model.score(rows) == 0
    for call in (model.score, model.bic, lambda X: list(model.iter_predictions(X, method="score_samples"))):
        with pytest.raises(TypeError, match="Mine overrides score_samples"):
            call([rows])


def test_batches_without_weight_are_none(rows):
    parts = np.split(rows, 4)
    expected = GaussianMixture(2, random_state=0).partial_fit([parts[0], parts[1]])
    weights = [np.ones(len(parts[0])), np.zeros(len(parts[0])), np.ones(len(parts[0]))]
    found = GaussianMixture(2, random_state=0).partial_fit([parts[0], parts[2], parts[1]], sample_weight=weights)
    assert_array_equal(found.means_, expected.means_)
    with pytest.raises(ValueError, match="forgetting"):
        GaussianMixture(2, forgetting=float("nan")).partial_fit(rows)


def test_a_checkpoint_ahead_of_max_iter_and_damaged_in_every_way(rows, tmp_path):
    path, X = tmp_path / "fit.npz", rows[:500]
    settings = {"n_components": 2, "random_state": 0, "tol": 0.0}
    with pytest.warns(UserWarning, match="did not converge"):
        GaussianMixture(max_iter=5, **settings).fit(X, checkpoint=path)
    for fewer in (0, 3):
        with pytest.warns(UserWarning, match="goes on"), pytest.raises(ValueError, match=f"more than max_iter={fewer}"):
            GaussianMixture(max_iter=fewer, **settings).fit(X, checkpoint=path)
    seeded = GaussianMixture(max_iter=5, **settings | {"random_state": np.random.RandomState(3)})
    with pytest.raises(ValueError, match="random_state was 0, and is"):
        seeded.fit(X, checkpoint=path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=3):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                GaussianMixture(max_iter=5, **settings).fit(X, checkpoint=path)
            except ValueError as error:
                assert "or is damaged: remove it" in str(error) or "is of another fit" in str(error)  # noqa: PT017
    assert [one.name for one in tmp_path.iterdir()] == ["fit.npz"]
    for wrong in ("x" * 300, "a\0b"):
        with pytest.raises(ValueError, match="checkpoint must be the path of a file that can be written"):
            GaussianMixture(2).fit(X, checkpoint=tmp_path / wrong)
