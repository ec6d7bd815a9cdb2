"""A fit needs next to no memory beside its rows: nothing of size rows x components is stored."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mixtures import FAMILIES, INITS

PROGRAM = """
import json, resource, sys, warnings
import numpy as np
from foldstat import GaussianMixture
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = np.empty((2_000_000, 2))
rng.standard_normal(out=X)
def peak():
    # Not getrusage on Linux: there a process inherits the peak of the one that started it.
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1e3 for line in status if line.startswith("VmHWM"))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used / 1e3
parameters = dict(covariance_type={family!r}, init_params={init!r}, max_iter=2, random_state=0)
GaussianMixture(12, **parameters).fit(X[:1000])
before = peak()
model = GaussianMixture(12, **parameters).fit(X)
after = peak()
model.predict_proba(X)  # does store rows x components, so the measure can see it
print(json.dumps([before, after, peak()]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource.getrusage")
@pytest.mark.parametrize(
    ("family", "init"),
    [(family, "kmeans") for family in FAMILIES] + [("full", init) for init in INITS[1:]],
)
def test_memory_above_the_input(family, init):
    program = PROGRAM.format(family=family, init=init)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    before, after, with_probabilities = json.loads(done.stdout)
    assert after - before <= 64, "megabytes"
    assert with_probabilities - after > 100, "the measure is blind"
