"""Walkers in forked processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foldstat import walkers as w
from programs import exit_status

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


def vectorised(points):
    return -0.5 * (points**2).sum(axis=1)


def sample(density, move, seed=0):
    start = np.random.default_rng(1).normal(size=(200, 2))
    call = "points" if density is vectorised else None
    return w.sample(density, start, 2000, 50, move=move, rng=seed, n_jobs=2, call=call)


@pytest.mark.parametrize("density", [w.densities.ThreeGaussians(), vectorised], ids=["built in", "vectorised"])
@pytest.mark.parametrize("move", [w.UniformStep(1.0), w.Stretch(), w.AdaptiveStep()], ids=repr)
def test_a_forked_child_walks(density, move):
    run = sample(density, move)
    expected, longer = run.draws.copy(), run.extend(100).draws
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            same = np.array_equal(sample(density, move).draws, expected)
            # A run of the parent goes on in the child.
            same = same and np.array_equal(run.extend(100).draws, longer)
            os.write(write, b"same" if same else b"differs")
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    assert exit_status(child, 60) == 0
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"same"
    # The parent goes on as well.
    np.testing.assert_array_equal(sample(density, move).draws, expected)


def test_pools_of_forked_processes():
    program = f"""
import json, multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
sys.path.insert(0, {str(HERE)!r})
from foldstat import walkers as w
from test_walkers_fork import sample
def walk(seed):
    return sample(w.densities.Banana(), w.Stretch(), seed).mean().tolist()
here = [walk(seed) for seed in range(4)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    there = pool.map_async(walk, range(4)).get(timeout=45)
print(json.dumps([here, there]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    here, there = json.loads(done.stdout.splitlines()[-1])
    assert here == there
    assert here[0] == sample(w.densities.Banana(), w.Stretch()).mean().tolist()
