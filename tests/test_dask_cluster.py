"""Pieces on a cluster of processes: where tasks run, what travels, and workers, clients and users that go away."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import foldstat
from foldstat import Summary
from foldstat._common.threads import thread_count
from foldstat.distributed import chunk_pieces
from foldstat.sources import as_pieces

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
distributed = pytest.importorskip("distributed")

X = np.random.default_rng(5).normal(size=(4000, 2)) * 1e9
CHUNK = 250
N = len(X) // CHUNK


@pytest.fixture
def three(client):
    """The client, when all its workers are there."""
    client.wait_for_workers(3, timeout=60)
    return client


@pytest.fixture(params=["lazy", "persisted"])
def x(request, three):
    array = da.from_array(X, chunks=(CHUNK, 1)).rechunk({1: -1})
    if request.param == "lazy":
        return array
    kept = array.persist()
    distributed.wait(kept)
    return kept


def fused(piece, index, scale=3):
    """A sum whose bits depend on the tree."""
    return float(piece.sum() / scale)


def fused_slowly(piece, index, folder):
    Path(folder, f"{os.getpid()}-{index}-{time.monotonic_ns()}").touch()
    time.sleep(0.1)
    return float(piece.sum() / 3)


def here(piece, index, *broadcast):
    return {index: distributed.get_worker().address}


def united(a, b):
    return {**a, **b}


@pytest.fixture(scope="module")
def expected():
    with dask.config.set(scheduler="synchronous"):
        return as_pieces(da.from_array(X, chunks=(CHUNK, 2))).fold(fused)


# --- where ------------------------------------------------------------------------------------------


def test_equal_bits_on_any_workers(three, x, expected):
    pieces, addresses = as_pieces(x), list(three.scheduler_info(n_workers=-1)["workers"])
    assert pieces.fold(fused) == expected
    for n in (1, 2, 3):
        with dask.annotate(workers=addresses[:n]):
            assert pieces.fold(fused) == expected
            assert set(pieces.fold(here, merge=united).values()) <= set(addresses[:n])


class Model:
    """Knows in how many processes it was unpacked, and how often."""

    def __init__(self, folder, size):
        self.folder, self.data = folder, bytes(size)

    def __getstate__(self):
        return {"folder": self.folder, "data": self.data}

    def __setstate__(self, state):
        self.folder, self.data = state["folder"], state["data"]
        Path(self.folder, f"{os.getpid()}-{time.monotonic_ns()}-{threading.get_ident()}").touch()


def test_data_stay_where_they_are_and_models_travel_once(three, tmp_path):
    x = da.random.default_rng(0).random((240_000, 4), chunks=(10_000, 4)).persist()
    distributed.wait(x)
    pieces = as_pieces(x)
    lies = {key: set(addresses) for key, addresses in three.who_has(x).items()}
    before = sum(three.run(_bytes_in).values())
    found = pieces.fold(here, Model(str(tmp_path), 20_000), merge=united)
    moved = sum(three.run(_bytes_in).values()) - before
    for key, index in zip(dask.core.flatten(x.__dask_keys__()), range(pieces.n_pieces), strict=True):
        assert found[index] in lies.get(key, lies.get(str(key))), f"chunk {index} was moved"
    assert moved < 200_000, "a chunk has 320,000 bytes"
    unpacked = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    workers = {str(pid) for pid in three.run(os.getpid).values()}
    for pid in workers:
        assert unpacked.count(pid) <= 1, "once for each worker, and not for each of 24 chunks"


def _bytes_in(dask_worker):
    return sum(transfer["total"] for transfer in dask_worker.transfer_incoming_log or ())


def used(piece, index):
    time.sleep(0.02)
    return [thread_count(None)]


def test_threads_of_a_worker_are_shared(three):
    assert as_pieces(da.zeros((1, 1))).fold(used) == [2], "alone on a worker of two threads"
    many = as_pieces(da.zeros((60, 1), chunks=(1, 1))).fold(used)
    assert set(many) <= {1, 2}
    assert many.count(1) > 30, "two at once have one each"
    with foldstat.threads(1):
        assert as_pieces(da.zeros((1, 1))).fold(used) == [1]


def test_a_bag_and_progress(three):
    bag = db.from_sequence([X[i : i + CHUNK] for i in range(0, len(X), CHUNK)], npartitions=4)
    heard = []
    assert as_pieces(bag).fold(fused, progress=heard.append) == pytest.approx(X.sum() / 3)
    assert heard == [1, 2, 3, 4]


def test_nothing_stays_on_the_scheduler(three, x):
    before = _tasks(three)
    as_pieces(x).fold(fused)
    as_pieces(x).fold(fused, progress=lambda done: None)
    _settle(three, before)


def _tasks(client):
    return client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.tasks))


def _settle(client, before):
    """Wait until the scheduler has no other tasks than before."""
    end = time.monotonic() + 20
    while left := _tasks(client) - before:
        assert time.monotonic() < end, f"tasks are left: {left}"
        time.sleep(0.05)


def row_means(piece, index):
    return piece.mean(axis=1)


def test_results_per_row_are_a_collection(three, x):
    means = as_pieces(x).map(row_means, meta=np.empty(0))
    np.testing.assert_array_equal(means.compute(), X.mean(axis=1))


def test_a_fold_inside_of_a_task(three):
    """It gives its place on the worker away while it waits."""

    def nested():
        return as_pieces(da.zeros((40, 1), chunks=(10, 1))).fold(lambda piece, index: len(piece))

    futures = three.map(lambda _: nested(), range(8), pure=False)
    assert three.gather(futures) == [40] * 8


def test_an_executor_of_the_cluster(three, expected):
    chunks = [X[i : i + CHUNK] for i in range(0, len(X), CHUNK)]
    with three.get_executor() as executor:
        pieces = chunk_pieces(chunks, executor)
        assert pieces.fold(fused, 3) == expected
        assert set(pieces.fold(used)) <= {1, 2}


def test_summaries(three, x):
    assert Summary(x, quantiles=True, moments=4) == Summary(X, quantiles=True, moments=4)
    kept = x[x[:, 0] > 0]
    assert Summary(kept[:, 1], best=3) == Summary(X[X[:, 0] > 0][:, 1], best=3)
    assert foldstat.summarize(x, cov=True) == foldstat.summarize(X, cov=True)


# --- what goes wrong --------------------------------------------------------------------------------


class StrangeError(Exception):
    pass


def fails_at_7(piece, index):
    if index == 7:
        raise StrangeError("seven")
    return 0


def test_an_error_names_its_chunk(three, x):
    before = _tasks(three)
    with pytest.raises(StrangeError, match="seven") as caught:
        as_pieces(x).fold(fails_at_7, progress=lambda done: None)
    assert "in chunk 7" in caught.value.__notes__
    _settle(three, before)


def killed_when_some_are_done(client, folder, at_least):
    """Kill a worker once some tasks have begun."""
    while len(begun := list(Path(folder).iterdir())) < at_least:
        time.sleep(0.005)
    os.kill(int(begun[0].name.split("-")[0]), signal.SIGKILL)


def test_a_worker_is_killed_in_mid_pass(three, x, expected, tmp_path):
    killer = threading.Thread(target=killed_when_some_are_done, args=(three, tmp_path, 7))
    killer.start()
    found = as_pieces(x).fold(fused_slowly, str(tmp_path))
    killer.join()
    assert found == expected
    assert len(list(tmp_path.iterdir())) > N, "some chunks were worked on twice"


def sums_slowly(piece, folder):
    Path(folder, f"{os.getpid()}-{time.monotonic_ns()}").touch()
    time.sleep(0.1)
    return piece


def test_a_summary_counts_once_what_a_killed_worker_had(three, tmp_path):
    x = da.from_array(X, chunks=(CHUNK, 2)).map_blocks(sums_slowly, str(tmp_path), dtype=float, meta=np.empty((0, 0)))
    killer = threading.Thread(target=killed_when_some_are_done, args=(three, tmp_path, 7))
    killer.start()
    found = Summary(x)
    killer.join()
    assert found == Summary(X)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_no_tasks(three, x, tmp_path):
    before = _tasks(three)

    def interrupt():
        while not any(tmp_path.iterdir()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        as_pieces(da.concatenate([x] * 8)).fold(fused_slowly, str(tmp_path))
    thread.join()
    _settle(three, before)
    assert len(list(tmp_path.iterdir())) < 8 * N, "those that had not begun do not begin"


def test_a_client_that_is_closed_is_an_error(three, tmp_path):
    with distributed.Client(three.cluster, set_as_default=False) as other:

        def close():
            while not any(tmp_path.iterdir()):
                time.sleep(0.01)
            other.close()

        thread = threading.Thread(target=close)
        with other.as_current():
            thread.start()
            began = time.monotonic()
            with pytest.raises(RuntimeError, match="Dask client, or its cluster, was closed"):
                as_pieces(da.zeros((200, 1), chunks=(1, 1))).fold(fused_slowly, str(tmp_path))
            assert time.monotonic() - began < 60, "it does not hang"
        thread.join()


def test_a_cancelled_cluster_is_an_error(tmp_path):
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
            )
        )
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False))

        def close():
            while not any(tmp_path.iterdir()):
                time.sleep(0.01)
            cluster.close()

        thread = threading.Thread(target=close)
        with client.as_current():
            thread.start()
            with pytest.raises(RuntimeError, match="Dask client, or its cluster, was closed"):
                as_pieces(da.zeros((50, 1), chunks=(1, 1))).fold(fused_slowly, str(tmp_path))
        thread.join()
