"""Mixtures of what lies elsewhere: collections of Dask, and chunks that an executor's workers are sent."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foldstat import GaussianMixture
from foldstat.mixture import block_rows, em, statistics
from mixtures import integer_weights, random_mixture

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")

D = 3
BLOCK = block_rows(D)
N = 9 * BLOCK + 100
X = random_mixture("full", N, d=D, k=3, seed=1).X
WEIGHTS = integer_weights(N, 2)
SETTINGS = {"n_components": 3, "random_state": 0, "max_iter": 4, "tol": 0.0}
FITTED = ("weights_", "means_", "covariances_", "lower_bounds_")

pytestmark = pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")


@pytest.fixture(autouse=True, scope="module")
def synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def fitted(rows, **given):
    more = {name: given.pop(name) for name in ("init_size", "n_init") if name in given}
    return GaussianMixture(**SETTINGS, **more).fit(rows, **given)


def assert_same(found, expected):
    for name in FITTED:
        assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def aligned(weighted=False):
    array = da.from_array(X, chunks=(2 * BLOCK, 2))
    return (array, da.from_array(WEIGHTS, chunks=2 * BLOCK)) if weighted else array


def test_a_given_start_needs_no_look_for_one():
    start = {"weights_init": np.full(3, 1 / 3), "means_init": X[:3], "precisions_init": np.array([np.eye(D)] * 3)}
    model = GaussianMixture(**SETTINGS, **start)
    assert_same(model.fit(aligned()), GaussianMixture(**SETTINGS, **start).fit(X))


@pytest.mark.parametrize("init_size", [None, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_at_blocks_give_the_bits_of_the_fit_in_memory(weighted, init_size):
    w = WEIGHTS if weighted else None
    expected = fitted(X, sample_weight=w, init_size=init_size, n_init=2)
    array, weights = aligned(weighted=True)
    assert_same(fitted(array, sample_weight=weights if weighted else None, init_size=init_size, n_init=2), expected)
    frame = pd.DataFrame(X, columns=list("abc")).assign(w=WEIGHTS)
    parts = [frame.iloc[i : i + BLOCK] for i in range(0, N, BLOCK)]
    ddf = dd.from_map(lambda i: parts[i], range(len(parts)), meta=frame.iloc[:0])
    found = fitted(ddf, columns=list("abc"), sample_weight="w" if weighted else None, init_size=init_size, n_init=2)
    assert_same(found, expected)
    assert found.feature_names_in_.tolist() == ["a", "b", "c"]
    unknown = array[array[:, 0] > -np.inf]
    assert_same(fitted(unknown, init_size=init_size, n_init=2), fitted(X, init_size=init_size, n_init=2))


def test_other_chunks_give_bits_of_their_own_whoever_works():
    array = da.from_array(X, chunks=(1000, D))
    expected, in_memory = fitted(array), fitted(X)
    assert_allclose(expected.means_, in_memory.means_, rtol=1e-9)
    with dask.config.set(scheduler="threads"):
        assert_same(fitted(array), expected)
    parts = np.split(X, range(1000, N, 1000))
    assert_same(fitted(parts, executor=None), in_memory)
    with ThreadPoolExecutor(3) as pool:
        assert_same(fitted(parts, executor=pool), expected)


def test_executors():
    parts = np.split(X, range(BLOCK, N, BLOCK))
    weights = np.split(WEIGHTS, range(BLOCK, N, BLOCK))
    expected = fitted(X, sample_weight=WEIGHTS)
    with ProcessPoolExecutor(2) as pool:
        assert_same(fitted(parts, sample_weight=weights, executor=pool), expected)
        m = random_mixture("full", N, d=D, k=3, seed=1)
        parameters = m.weights, m.means, m.covariances
        found = em(parts, *parameters, max_iter=2, tol=0, executor=pool)
        assert_array_equal(found.means, em(X, *parameters, max_iter=2, tol=0).means)
        broken = [part.copy() for part in parts]
        broken[3][17, 1] = np.nan
        with pytest.raises(ValueError, match=r"NaN.* row 17 of chunk 3, column 1"):
            fitted(broken, executor=pool)


def test_what_a_model_says_is_as_lazy_as_the_rows():
    model, array = fitted(X), aligned()
    for method in ("predict", "score_samples", "predict_proba"):
        lazy = getattr(model, method)(array)
        assert isinstance(lazy, da.Array)
        expected = getattr(model, method)(X)
        assert (lazy.dtype, lazy.shape) == (expected.dtype, expected.shape)
        assert_allclose(lazy.compute(), expected, rtol=1e-14)
    for method in ("score", "aic", "bic"):
        assert getattr(model, method)(array) == getattr(model, method)(X)
    array, weights = aligned(weighted=True)
    assert model.score(array, sample_weight=weights) == model.score(X, sample_weight=WEIGHTS)
    labels = GaussianMixture(**SETTINGS).fit_predict(array)
    assert_array_equal(labels.compute(), model.predict(X))
    with pytest.raises(TypeError, match="as lazy: iterate over that"):
        next(model.iter_predictions(array))
    with pytest.raises(ValueError, match="2 features, but GaussianMixture is expecting 3"):
        model.predict(array[:, :2])


def test_statistics_of_collections():
    m = random_mixture("full", N, d=D, k=3, seed=1)
    parameters = m.weights, m.means, m.covariances
    array, weights = aligned(weighted=True)
    assert statistics(array, *parameters) == statistics(X, *parameters)
    found = statistics(array, *parameters, sample_weight=weights)
    assert found == statistics(X, *parameters, sample_weight=WEIGHTS)
    with pytest.raises(TypeError, match="have their own places"):
        statistics(array, *parameters, first_row=0)


def test_what_is_wrong_names_its_chunk():
    bad = X.copy()
    bad[2 * BLOCK + 5, 2] = np.nan
    array = da.from_array(bad, chunks=(2 * BLOCK, D))
    with pytest.raises(ValueError, match=r"NaN\. The first one is at row 5 of chunk 1, column 2"):
        fitted(array)
    with pytest.raises(ValueError, match="row 5 of chunk 1, column 2"):
        fitted(X).score(array)
    with pytest.raises(ValueError, match="row 5 of chunk 1, column 2"):
        fitted(X).predict(array).compute()
    bag = db.from_sequence([X[:10], X[:10, :2]], npartitions=2).map_partitions(lambda part: part)
    with pytest.raises(ValueError, match=r"found 3 in chunk 0 and 2 in chunk 1"):
        fitted(bag)
    with pytest.raises(ValueError, match="n_samples = 2"):
        fitted(da.from_array(X[:2], chunks=1))


# ---------------------------------------------------------------- a cluster


def test_any_workers_give_equal_bits_and_checkpoints_go_on(client, tmp_path):
    client.wait_for_workers(3, timeout=60)
    expected, addresses = fitted(X), list(client.scheduler_info(n_workers=-1)["workers"])
    with dask.config.set(scheduler="distributed"):
        for n in (1, 2, 3):
            with dask.annotate(workers=addresses[:n]):
                assert_same(fitted(aligned()), expected)
        path = tmp_path / "fit.npz"
        GaussianMixture(**SETTINGS | {"max_iter": 2}).fit(aligned(), checkpoint=path)
        with pytest.warns(UserWarning, match="goes on from the checkpoint .* after 2 iterations"):
            assert_same(fitted(aligned(), checkpoint=path), expected)


def slowly(block):
    import time

    time.sleep(0.05)
    return block


def test_a_killed_worker_changes_no_bit(client):
    client.wait_for_workers(3, timeout=60)
    expected = fitted(X)
    pid = next(iter(client.run(os.getpid).values()))
    with dask.config.set(scheduler="distributed"):
        killer = threading.Timer(0.8, os.kill, (pid, signal.SIGKILL))
        killer.start()
        found = fitted(da.from_array(X, chunks=(BLOCK, D)).map_blocks(slowly, dtype=X.dtype))
        killer.join()
    assert_same(found, expected)


def test_chunks_without_rows():
    parts = np.split(X[:5000], [1500, 1500, 3000])
    expected = fitted(da.concatenate([da.from_array(part, chunks=(1500, D)) for part in parts if len(part)]))
    whole = da.from_array(X[:6000], chunks=(1500, D))
    filtered = whole[da.from_array(np.arange(6000) // 1500 != 1, chunks=1500)]
    found = fitted(filtered)
    assert_allclose(found.means_, fitted(np.delete(X[:6000], np.s_[1500:3000], axis=0)).means_, rtol=1e-9)
    with ThreadPoolExecutor(2) as pool:
        assert_allclose(fitted(parts, executor=pool).means_, expected.means_, rtol=1e-9)
